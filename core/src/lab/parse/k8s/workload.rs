//! apps/v1 Deployment and DaemonSet.

use crate::k8s::objects::{LabelRequirement, LabelSelector, Workload};
use crate::lab::parse::fields::{Fields, text};

use super::{meta, pod, text_or_empty};

pub(in crate::lab::parse) fn deployment(fields: &Fields<'_>) -> Option<Workload> {
    let replicas = fields.mapping("spec").count("replicas").unwrap_or(1);
    Some(Workload { replicas: Some(replicas), ..daemon_set(fields)? })
}

pub(in crate::lab::parse) fn daemon_set(fields: &Fields<'_>) -> Option<Workload> {
    let meta = meta::namespaced(fields)?;
    let spec = fields.mapping("spec");
    let selector = label_selector(&spec.mapping("selector"));
    let mut template = pod::pod_template(&spec.mapping("template"));
    template.meta.namespace.clone_from(&meta.namespace);
    template.meta.span = meta.span;
    // Without this the controller would make pods for ever and count none of them.
    if selector == LabelSelector::default() || !selector.matches(&template.meta.labels) {
        let text = "selector: found one that does not select the labels of spec.template, expected one that does";
        fields.problems().error(fields.at("spec.selector"), text);
        return None;
    }
    Some(Workload { meta, replicas: None, selector, template })
}

fn label_selector(fields: &Fields<'_>) -> LabelSelector {
    LabelSelector {
        match_labels: fields.texts("matchLabels"),
        match_expressions: fields.mappings("matchExpressions").filter_map(|fields| requirement(&fields)).collect(),
    }
}

fn requirement(fields: &Fields<'_>) -> Option<LabelRequirement> {
    let key = text_or_empty(fields, "key");
    let values = || fields.read_all("values", "a string", |node| text(node).map(str::to_owned));
    let read = |node| match text(node)? {
        "In" => Some(LabelRequirement::In(key.clone(), values())),
        "NotIn" => Some(LabelRequirement::NotIn(key.clone(), values())),
        "Exists" => Some(LabelRequirement::Exists(key.clone())),
        "DoesNotExist" => Some(LabelRequirement::DoesNotExist(key.clone())),
        _ => None,
    };
    fields.read("operator", "In, NotIn, Exists or DoesNotExist", read)
}
