//! The Corefile: what CoreDNS would refuse of it, and what is skipped here.

use crate::app::coredns::{CorefileError, HostFiles, Server};
use crate::base::Span;
use crate::lab::LabSpec;
use crate::lab::parse::fields::{Fields, text};
use crate::lab::yaml::Node;

/// Drops a Corefile with which CoreDNS would not start.
pub(in crate::lab::parse) fn corefile(spec: &mut LabSpec, fields: &Fields<'_>) {
    let Some(dns) = &mut spec.dns else { return };
    let (Some(corefile), Some(node)) = (&dns.corefile, fields.mapping("dns").get("corefile")) else { return };
    let problems = fields.problems();
    let at = |error: &CorefileError| position(node, error.line, fields);
    let said = |error: &CorefileError| format!("corefile: {}: {}", error.directive, error.message);
    match Server::start(corefile, &HostFiles::default(), Vec::new(), 0, "check") {
        Ok((_, notices)) => notices.iter().for_each(|notice| problems.note(at(notice), said(notice))),
        Err(error) => {
            problems.error(at(&error), said(&error));
            dns.corefile = None;
        }
    }
}

/// Where line number `line` of a text stands. In a block scalar it stands in a line of its own; elsewhere all of it is
/// at the beginning.
fn position(node: &Node<'_>, line: usize, fields: &Fields<'_>) -> Span {
    let Span { file, line: first, .. } = node.span;
    let found = text(node).and_then(|text| {
        let wanted = text.lines().nth(line.checked_sub(1)?)?.trim();
        // It is its first line that is not blank that stands where the scalar does.
        let n_blank = text.lines().take_while(|line| line.trim().is_empty()).count();
        let there = (first + line).checked_sub(1 + n_blank)?;
        let stated = fields.problems().line(file, there)?;
        let indent = stated.chars().take_while(|c| c.is_whitespace()).count();
        (stated.trim() == wanted).then_some(Span { file, line: there, col: indent + 1 })
    });
    found.unwrap_or(node.span)
}
