use crate::lab::{Lab, Source, parse, show, show_broken};

const LAB: &str = "
apiVersion: kubehop.dev/v1
kind: Lab
metadata: { name: names }
spec:
  dns: { upstream: { address: 9.9.9.9, records: [\"example.com. 300 IN A 93.184.216.34\"] } }
---
apiVersion: v1
kind: Node
metadata: { name: node-a }
---
apiVersion: v1
kind: Pod
metadata: { name: client }
spec: { containers: [{ name: main, image: client }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { clusterIP: 10.96.45.67, ports: [{ name: http, port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: ext }
spec: { type: ExternalName, externalName: example.com }
";

fn lab() -> Lab {
    parse(&[Source { name: "lab.yaml", text: LAB.as_bytes() }], &[]).lab
}

fn typed(command: &str) -> String {
    show(&lab(), "pod/client", None, &[command], false).unwrap_or_else(|error| format!("{error}\n"))
}

/// Identifiers are drawn.
fn without_id(text: &str) -> String {
    let line = |line: &str| match line.split_once(", id: ") {
        Some((before, _)) => format!("{before}, id: N\n"),
        None => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// Commands and what they print, as dig and nslookup 9.18 print it of the same answers, but for `WHEN` and the version.
const PRINTED: &str = include_str!("printed.txt");

#[test]
fn dig_and_nslookup_print_what_they_were_told() {
    for block in PRINTED.split("$ ").skip(1) {
        let (command, expected) = block.split_once('\n').unwrap_or((block, ""));
        assert_eq!(without_id(&typed(command)), expected.strip_suffix('\n').unwrap_or(expected), "{command}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for (command, expected) in [
        ("dig", "\"dig\": expected dig [@SERVER] NAME [TYPE] [+OPTION…]\n"),
        ("dig a..b", "\"a..b\": expected a name that a message can ask for\n"),
        ("dig @foo x", "\"foo\": expected an IPv4 address of a name server\n"),
        ("dig x -t NOPE", "\"NOPE\": expected a type of records behind -t\n"),
        ("dig x y", "\"y\": expected one name in a command, and a type of records\n"),
        ("nslookup", "\"nslookup\": expected nslookup [-type=TYPE] NAME [SERVER]\n"),
        ("nslookup -type=x y", "\"-type=x\": expected a type of records: -type=SRV\n"),
        ("nslookup -debug y", "\"-debug\": expected -type=TYPE\n"),
    ] {
        assert_eq!(typed(command), expected, "{command}");
    }
    assert!(typed("dig +frob x").starts_with("\"+frob\": expected +short, "));
}

#[test]
fn dig_takes_the_type_before_the_name_too() {
    let shown = typed("dig IN SRV web.default.svc.cluster.local +short");
    assert_eq!(shown, "0 100 80 web.default.svc.cluster.local.\n");
}

#[test]
fn without_coredns_nobody_is_behind_the_service() {
    let faults = ["coredns-down".to_owned()];
    let shown = show_broken(&lab(), "pod/client", &faults, &["nslookup web"], false);
    let tries = ";; communications error to 10.96.0.10#53: connection refused\n".repeat(3);
    assert_eq!(shown, Ok(format!("{tries};; no servers could be reached\n\n")));
}
