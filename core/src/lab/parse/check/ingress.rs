//! Ingresses: whether somebody serves them, and whether what they lead to is there.

use crate::k8s::ingress::{CLASS, is_controller, is_served, service_of};
use crate::k8s::objects::{Ingress, IngressBackend, Objects, TargetPort};
use crate::lab::parse::problems::Problems;

use super::hint;

/// Notes what of each Ingress leads nowhere: all of it is a state that clusters are in.
pub(in crate::lab::parse) fn ingresses(objects: &Objects, problems: &Problems<'_>) {
    let has_controller = objects.pods.iter().any(|pod| !pod.finished && is_controller(pod));
    for ingress in &objects.ingresses {
        let name = format!("{}/{}", ingress.meta.namespace, ingress.meta.name);
        if !is_served(ingress) {
            let text = format!(
                "ingressClassName: found {:?} for ingress {name}, expected {CLASS}, the class that is played here; nothing serves it",
                ingress.class
            );
            problems.note(ingress.meta.span, text);
        } else if !has_controller {
            let text = format!(
                "nothing serves ingress {name}: no pod is an ingress controller, which has the label app.kubernetes.io/name: ingress-nginx or the image ingress-nginx/controller"
            );
            problems.note(ingress.meta.span, text);
        }
        backends(ingress, &name, objects, problems);
    }
}

fn backends(ingress: &Ingress, name: &str, objects: &Objects, problems: &Problems<'_>) {
    let namespace = &ingress.meta.namespace;
    let backends = ingress.rules.iter().map(|rule| &rule.backend).chain(&ingress.default_backend);
    for backend @ IngressBackend { service, span, .. } in backends {
        let Some(found) = service_of(objects, namespace, backend) else {
            let services = objects.services.iter().filter(|service| service.meta.namespace == *namespace);
            let hint = hint(service, services.map(|service| service.meta.name.as_str()));
            let text = format!("backend: found {service:?} in ingress {name}, expected a service of {namespace}{hint}");
            problems.note(*span, text);
            continue;
        };
        let has_port = found.ports.iter().any(|port| match &backend.port {
            TargetPort::Number(number) => port.port == *number,
            TargetPort::Name(name) => port.name == *name,
        });
        if !has_port {
            let ports: Vec<String> = found.ports.iter().map(|port| port.port.to_string()).collect();
            let port = match &backend.port {
                TargetPort::Number(number) => number.to_string(),
                TargetPort::Name(name) => format!("{name:?}"),
            };
            let expected = ports.join(" or ");
            let text = format!(
                "backend: found port {port} of service {service} in ingress {name}, expected one that the service has: {expected}"
            );
            problems.note(*span, text);
        }
    }
}
