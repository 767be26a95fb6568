//! Ingresses that lead nowhere, and probes that ask nothing.

use super::check_beside_node;

const CONTROLLER: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: c, labels: {app.kubernetes.io/name: ingress-nginx}}\nspec: {containers: [{name: c}]}\n---\n";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: ExternalName, externalName: x.example, ports: [{port: 80}]}\n---\n";

fn ingress(spec: &str) -> String {
    format!("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: shop}}\nspec: {{{spec}}}\n---\n")
}

fn to(path: &str, service: &str, port: &str) -> String {
    format!(
        "rules: [{{http: {{paths: [{{path: /, {path} backend: {{service: {{name: {service}, port: {{{port}}}}}}}}}]}}}}]"
    )
}

#[test]
fn what_of_an_ingress_leads_nowhere_is_noted() {
    let web = to("", "web", "number: 80");
    let cases: [(String, &[&str]); 6] = [
        (format!("{CONTROLLER}{SERVICE}{}", ingress(&web)), &[]),
        (
            format!("{SERVICE}{}", ingress(&web)),
            &[
                "8:18: note: nothing serves ingress default/shop: no pod is an ingress controller, which has the label app.kubernetes.io/name: ingress-nginx or the image ingress-nginx/controller",
            ],
        ),
        (
            format!("{CONTROLLER}{SERVICE}{}", ingress(&format!("ingressClassName: traefik, {web}"))),
            &[
                "13:18: note: ingressClassName: found \"traefik\" for ingress default/shop, expected nginx, the class that is played here; nothing serves it",
            ],
        ),
        (
            format!("{CONTROLLER}{SERVICE}{}", ingress(&to("", "wbe", "number: 80"))),
            &[
                "14:69: note: backend: found \"wbe\" in ingress default/shop, expected a service of default; the nearest is web",
            ],
        ),
        (
            format!("{CONTROLLER}{SERVICE}{}", ingress(&to("", "web", "name: http"))),
            &[
                "14:69: note: backend: found port \"http\" of service web in ingress default/shop, expected one that the service has: 80",
            ],
        ),
        (
            format!("{CONTROLLER}{SERVICE}{}", ingress(&to("pathType: prefix,", "web", "number: 80"))),
            &["14:52: error: pathType: found string \"prefix\", expected Exact, Prefix or ImplementationSpecific"],
        ),
    ];
    for (text, expected) in cases {
        check_beside_node(&text, expected);
    }
}

#[test]
fn a_probe_says_how_it_is_asked() {
    let probe = |probe: &str| {
        let container = format!("{{name: c, {probe}}}");
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{container}]}}\n")
    };
    let cases: [(&str, &[&str]); 6] = [
        ("readinessProbe: {httpGet: {port: http, scheme: HTTP}}", &[]),
        ("livenessProbe: {exec: {command: [ls]}}, startupProbe: {grpc: {port: 1}}", &[]),
        (
            "readinessProbe: {periodSeconds: 1}",
            &["4:47: error: found a readinessProbe without a handler, expected httpGet, tcpSocket, exec or grpc"],
        ),
        (
            "livenessProbe: {tcpSocket: {}}",
            &["4:58: error: found a livenessProbe whose tcpSocket has no port, expected a number or a name"],
        ),
        (
            "livenessProbe: {tcpSocket: {port: 70000}}",
            &["4:65: error: port: found number 70000, expected a port number 1-65535 or the name of a container port"],
        ),
        (
            "startupProbe: {httpGet: {port: 80, scheme: https}}",
            &["4:74: error: scheme: found string \"https\", expected HTTP or HTTPS"],
        ),
    ];
    for (text, expected) in cases {
        check_beside_node(&probe(text), expected);
    }
}
