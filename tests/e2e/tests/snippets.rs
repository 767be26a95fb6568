//! Each snippet of docs/EMBEDDING.md, as it stands there, in the kind of page that it is for.

use std::fs;

use kubehop_e2e::{Host, Page};
use mdbook_driver::MDBook;

/// A fenced piece of the document: the words after its language, and what stands in it.
fn snippets() -> Vec<(String, String)> {
    let text = fs::read_to_string(xtask::root().join("docs/EMBEDDING.md")).unwrap();
    let fences = text.split("\n```").skip(1).step_by(2);
    let parts = fences.filter_map(|fence| fence.split_once('\n'));
    parts.filter_map(|(info, body)| Some((info.split_once(' ')?.1.to_owned(), body.to_owned() + "\n"))).collect()
}

fn snippet(info: &str) -> String {
    let found = snippets().into_iter().find(|(words, _)| words == info);
    found.unwrap_or_else(|| panic!("docs/EMBEDDING.md has no snippet `{info}`")).1
}

/// What the tools for which a snippet is meant make of it; mdBook itself is asked in a test of its own.
fn made(path: &str, snippet: &str) -> String {
    match path {
        // Sphinx takes what is further in below `raw:: html`.
        "sphinx.html" => {
            let lines = snippet.lines().skip_while(|line| !line.contains("raw:: html")).skip(1);
            let lines = lines.take_while(|line| line.is_empty() || line.starts_with("   "));
            lines.map(|line| format!("{}\n", line.trim_start())).collect()
        }
        "hugo.html" => {
            let mut words = snippet.split('"');
            let first = words.nth(1).unwrap().replace('&', "&amp;");
            let template =
                self::snippet("shortcode").replace("{{ \"kubehop/index.html\" | relURL }}", "kubehop/index.html");
            template.replace("{{ .Get 0 | safeURL }}", &first).replace("{{ .Get 1 }}", words.nth(1).unwrap())
        }
        "docs/intro/index.html" => {
            let script = self::snippet("script");
            let src = script.split('"').nth(1).unwrap();
            assert!(script.contains("defer: true"));
            format!("<script src=\"{src}\" defer></script>{snippet}")
        }
        _ => snippet.to_owned(),
    }
}

/// How many walks are shown, in frames and in elements.
const N_SHOWN: &str = "[...document.querySelectorAll('iframe, kube-hop')].filter(it =>
    (it.shadowRoot ?? it.contentDocument)?.querySelector('.kh section')).length";

fn wait_for_walks(page: &mut Page, n: usize) {
    // What loads when it is seen or clicked is looked at and clicked.
    page.wait_until(&format!(
        "(() => {{ for (const it of document.querySelectorAll('iframe, kube-hop')) it.scrollIntoView();
            document.querySelector('kube-hop[load=click]')?.shadowRoot?.querySelector('.static button')?.click();
            return {N_SHOWN} === {n}; }})()"
    ))
    .unwrap();
}

#[test]
fn every_snippet_shows_its_walk() {
    let all = snippets();
    let pages: Vec<(String, String)> = all
        .iter()
        .filter_map(|(info, body)| Some((info.strip_prefix("page=")?.to_owned(), body)))
        .filter(|(path, _)| path.ends_with(".html"))
        .map(|(path, body)| {
            let html = format!(
                "<!doctype html><html lang=en><title>host</title><link rel=icon href=data:,><body>{}",
                made(&path, body)
            );
            (path, html)
        })
        .collect();
    assert!(pages.len() >= 6, "{pages:?}");
    let files: Vec<(&str, &str)> = pages.iter().map(|(path, html)| (path.as_str(), html.as_str())).collect();
    let host = Host::serve(&files, &["kubehop", "_static/kubehop"], "").unwrap();
    let mut page = Page::blank().unwrap();
    for (path, html) in files {
        page.navigate(&host.url(path)).unwrap();
        wait_for_walks(&mut page, 1);
        let alert = "[...document.querySelectorAll('iframe, kube-hop')].map(it =>
            (it.shadowRoot ?? it.contentDocument).querySelector('.notice')?.textContent ?? '').join('')";
        assert_eq!(page.eval(alert).unwrap(), "", "{html}");
    }
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_frame_gets_the_height_that_it_asks_for() {
    let script = snippet("file=heights.js");
    let html = format!(
        "<!doctype html><title>host</title><link rel=icon href=data:,><body><script src=heights.js></script>{}",
        snippet("page=frame.html")
    );
    let files = [("page.html", html.as_str()), ("heights.js", script.as_str())];
    let host = Host::serve(&files, &["kubehop"], "").unwrap();
    let mut page = Page::blank().unwrap();
    page.resize(1300, 900).unwrap();
    page.navigate(&host.url("page.html")).unwrap();
    page.wait_until("document.querySelector('iframe').offsetHeight >= 720").unwrap();
    page.resize(500, 900).unwrap();
    page.wait_until("document.querySelector('iframe').height === '640'").unwrap();
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}

#[test]
fn a_book_has_two_walks_on_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let src = folder.path().join("src");
    fs::create_dir(&src).unwrap();
    fs::write(folder.path().join("book.toml"), "[book]\ntitle = \"A book\"\n").unwrap();
    fs::write(src.join("SUMMARY.md"), "[Overlays](overlays.md)\n").unwrap();
    fs::write(src.join("overlays.md"), snippet("page=book.md")).unwrap();
    MDBook::load(folder.path()).unwrap().build().unwrap();
    let book = folder.path().join("book");
    std::os::unix::fs::symlink(xtask::dist().canonicalize().unwrap(), book.join("kubehop")).unwrap();
    let mut site = xtask::server::Site::new(book);
    site.policy = "";
    let server = site.serve(0).unwrap();
    let mut page = Page::blank().unwrap();
    page.navigate(&format!("{}overlays.html", server.url())).unwrap();
    wait_for_walks(&mut page, 2);
    assert_eq!(page.eval("document.querySelector('kube-hop').getState().step").unwrap(), "http.syn.node-a.route");
    assert_eq!(page.complaints().unwrap(), Vec::<String>::new());
}
