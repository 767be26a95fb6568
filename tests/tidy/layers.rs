//! Who may use whom.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::Finding;

/// The layers of `core/`, lowest first. A module uses those below its own; neighbours do not know each other.
const LAYERS: &[&[&str]] = &[
    &["base"],
    &["wire"],
    &["trace"],
    &["netfilter"],
    &["net"],
    &["datapath"],
    &["k8s", "app"],
    &["sim"],
    &["lab"],
    &["api"],
];

/// A module of `core/` uses itself and lower layers.
pub(crate) fn core(path: &str, text: &str) -> Vec<Finding> {
    let Some(file) = path.strip_prefix("core/src/").and_then(|file| file.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let module = file.split('/').filter(|part| *part != "mod").map(str::to_owned).collect::<Vec<_>>();
    let own = module[0].clone();
    if own == "lib" {
        return Vec::new();
    }
    let Some(own_layer) = layer(&own) else {
        return vec![Finding::new(path, 1, format!("`{own}` has no place in the layer table of tests/tidy/layers.rs"))];
    };
    let Ok(tokens) = TokenStream::from_str(text) else {
        return vec![Finding::new(path, 1, "is not Rust")];
    };
    let mut used = Vec::new();
    names_after(&tokens, "crate", &mut used);
    names_above(&tokens, &module, &mut used);
    used.retain(|(_, name)| *name != own);
    used.into_iter()
        .filter_map(|(line, name)| {
            let rule = match layer(&name) {
                Some(layer) if layer < own_layer => return None,
                Some(layer) => format!("`{own}` (L{own_layer}) uses `{name}` (L{layer}), which is not below it"),
                None => format!("`{own}` uses `{name}`, which has no place in the layer table of tests/tidy/layers.rs"),
            };
            Some(Finding::new(path, line, rule))
        })
        .collect()
}

/// What shows traces sees the core as others see it.
pub(crate) fn faces(path: &str, text: &str) -> Vec<Finding> {
    if !(path.starts_with("web/") || path.starts_with("cli/")) || !path.ends_with(".rs") {
        return Vec::new();
    }
    let Ok(tokens) = TokenStream::from_str(text) else {
        return vec![Finding::new(path, 1, "is not Rust")];
    };
    let mut used = Vec::new();
    names_after(&tokens, "kubehop_core", &mut used);
    used.retain(|(_, name)| name != "api");
    used.into_iter()
        .map(|(line, name)| Finding::new(path, line, format!("uses `kubehop_core::{name}`; faces use `api` only")))
        .collect()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Collects the modules at the crate's root that are reached by `super::`, as often as it takes from `module`.
fn names_above(tokens: &TokenStream, module: &[String], used: &mut Vec<(usize, String)>) {
    let trees = tokens.clone().into_iter().collect::<Vec<_>>();
    let mut at = 0;
    while at < trees.len() {
        // Each `super::` is three tokens.
        let is_super = |n: &usize| is_word(trees.get(at + 3 * n), "super") && is_path(&trees, at + 3 * n + 1);
        let supers = (0..).take_while(is_super).count();
        if supers > 0 {
            at += 3 * supers;
            if supers == module.len() {
                first_names(trees.get(at), used);
            }
        } else if let TokenTree::Group(group) = &trees[at] {
            let mut inner = module.to_vec();
            if at >= 2 && is_word(trees.get(at - 2), "mod") {
                inner.push(trees[at - 1].to_string());
            }
            names_above(&group.stream(), &inner, used);
            at += 1;
        } else {
            at += 1;
        }
    }
}

/// Collects the names that follow `word::`, at any depth.
fn names_after(tokens: &TokenStream, word: &str, used: &mut Vec<(usize, String)>) {
    let trees = tokens.clone().into_iter().collect::<Vec<_>>();
    for (at, tree) in trees.iter().enumerate() {
        if is_word(Some(tree), word) && is_path(&trees, at + 1) {
            first_names(trees.get(at + 3), used);
        }
        if let TokenTree::Group(group) = tree {
            names_after(&group.stream(), word, used);
        }
    }
}

/// The name after a `::`, or with `{…}` the first name of each path in it.
fn first_names(tree: Option<&TokenTree>, used: &mut Vec<(usize, String)>) {
    match tree {
        Some(TokenTree::Ident(name)) => used.push((name.span().start().line, name.to_string())),
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let mut expected = true;
            for tree in group.stream() {
                if expected {
                    first_names(Some(&tree), used);
                }
                expected = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ',');
            }
        }
        Some(TokenTree::Punct(star)) if star.as_char() == '*' => used.push((star.span().start().line, "*".to_owned())),
        _ => {}
    }
}

fn is_word(tree: Option<&TokenTree>, word: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Whether there is a `::` at this place.
fn is_path(trees: &[TokenTree], at: usize) -> bool {
    let is_colon = |at| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    is_colon(at) && is_colon(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: fn(&str, &str) -> Vec<Finding>, path: &str, text: &str, expected: &[&str]) {
        let found = rule(path, text).iter().map(Finding::to_string).collect::<Vec<_>>();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn lower_layers_and_the_own_module_are_allowed() {
        let text = "use std::fmt;\nuse super::Netns;\nuse crate::net::Route;\nuse crate::{base::Place, wire::{self, Packet}};\n\
                    fn f(p: crate::trace::Step) { let _ = \"crate::sim\"; } // crate::sim\n/// [`crate::sim`]\nfn g() {}";
        check(core, "core/src/net/route.rs", text, &[]);
        check(core, "core/src/lib.rs", "pub use crate::api::trace;", &[]);
        check(core, "tests/laws.rs", "use crate::api;", &[]);
    }

    #[test]
    fn a_higher_layer_is_found_however_it_is_written() {
        let path = "core/src/netfilter/nat.rs";
        let rule = |line: usize| {
            format!("core/src/netfilter/nat.rs:{line}: `netfilter` (L3) uses `net` (L4), which is not below it")
        };
        check(core, path, "use crate::net::Route;", &[&rule(1)]);
        check(core, path, "\nuse crate::{\n  wire::Packet,\n  net::{Route, Skb},\n};", &[&rule(4)]);
        check(core, path, "fn f() { g(vec![crate::net::Route::new()]) }", &[&rule(1)]);
        check(core, path, "use super::super::net::Route;", &[&rule(1)]);
        check(core, path, "mod tests {\n use super::super::super::net::Route;\n}", &[&rule(2)]);
        check(core, path, "mod tests { use super::super::net::Route; }", &[]);
        check(core, path, "pub(crate) fn f() { if x { crate::net::f() } }", &[&rule(1)]);
        check(core, "core/src/netfilter/mod.rs", "use super::{base, net};", &[&rule(1).replace("nat.rs", "mod.rs")]);
    }

    #[test]
    fn neighbours_in_one_layer_do_not_know_each_other() {
        let rule = "core/src/k8s/kubelet.rs:1: `k8s` (L6) uses `app` (L6), which is not below it";
        check(core, "core/src/k8s/kubelet.rs", "use crate::app::Server;", &[rule]);
    }

    #[test]
    fn a_module_without_a_layer_is_found() {
        let rule = "core/src/util.rs:1: `util` has no place in the layer table of tests/tidy/layers.rs";
        check(core, "core/src/util.rs", "", &[rule]);
        let rule =
            "core/src/net/a.rs:1: `net` uses `util`, which has no place in the layer table of tests/tidy/layers.rs";
        check(core, "core/src/net/a.rs", "use crate::util::f;", &[rule]);
    }

    #[test]
    fn faces_that_look_behind_the_api_are_found() {
        let text =
            "use kubehop_core::api::trace;\nuse kubehop_core::{api, net::Route};\nfn f() { kubehop_core::sim::run() }";
        let rules = [
            "cli/src/main.rs:2: uses `kubehop_core::net`; faces use `api` only",
            "cli/src/main.rs:3: uses `kubehop_core::sim`; faces use `api` only",
        ];
        check(faces, "cli/src/main.rs", text, &rules);
        check(faces, "tests/laws.rs", text, &[]);
    }
}
