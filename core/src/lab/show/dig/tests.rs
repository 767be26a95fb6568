use crate::lab::{Lab, Source, parse, show};

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

#[test]
fn dig_prints_what_it_was_told() {
    assert_eq!(
        without_id(&typed("dig web.default.svc.cluster.local")),
        "
; <<>> DiG 9.18 <<>> web.default.svc.cluster.local
;; global options: +cmd
;; Got answer:
;; WARNING: .local is reserved for Multicast DNS
;; You are currently testing what happens when an mDNS query is leaked to DNS
;; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: N
;; flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 0
;; WARNING: recursion requested but not available

;; QUESTION SECTION:
;web.default.svc.cluster.local.	IN	A

;; ANSWER SECTION:
web.default.svc.cluster.local. 30 IN	A	10.96.45.67

;; Query time: 1 msec
;; SERVER: 10.96.0.10#53(10.96.0.10) (UDP)
;; MSG SIZE  rcvd: 92

"
    );
    assert_eq!(
        without_id(&typed("dig web +nocmd +nostats")),
        ";; Got answer:
;; ->>HEADER<<- opcode: QUERY, status: NXDOMAIN, id: N
"
    );
}

#[test]
fn dig_leaves_out_what_it_is_told_to() {
    for (command, expected) in [
        ("dig +short web.default.svc.cluster.local", "10.96.45.67\n"),
        ("dig +short +search web", "10.96.45.67\n"),
        ("dig +noall +answer example.com", "example.com.\t\t30\tIN\tA\t93.184.216.34\n"),
        (
            "dig +tcp +noall +answer ext.default.svc.cluster.local",
            "ext.default.svc.cluster.local. 30 IN\tCNAME\texample.com.\nexample.com.\t\t30\tIN\tA\t93.184.216.34\n",
        ),
        (
            "dig +noall +question +answer -t SRV _http._tcp.web.default.svc.cluster.local",
            ";_http._tcp.web.default.svc.cluster.local. IN SRV\n_http._tcp.web.default.svc.cluster.local. 30 IN\tSRV 0 100 80 web.default.svc.cluster.local.\n",
        ),
        (
            "dig -x 10.96.45.67 +noall +answer",
            "67.45.96.10.in-addr.arpa. 30\tIN\tPTR\tweb.default.svc.cluster.local.\n",
        ),
        ("dig @9.9.9.9 example.com aaaa +short", ""),
    ] {
        assert_eq!(typed(command), expected, "{command}");
    }
}

#[test]
fn look() {
    for command in ["dig web +nocmd", "dig @10.96.0.99 web", "dig @172.18.0.77 web", "dig @10.244.0.2 web", "dig +tcp @10.244.0.2 web", "dig +tcp @172.18.0.77 web", "dig @9.9.9.9 web +short",
        "nslookup web", "nslookup web.default", "nslookup example.com", "nslookup nothing", "nslookup ext", "nslookup 10.96.45.67", "nslookup -type=SRV _http._tcp.web", "nslookup web 10.244.0.2", "nslookup web 172.18.0.77", "nslookup web 9.9.9.9", "nslookup example.com. 9.9.9.9", "dig a..b", "dig", "dig +frob x", "dig @foo x", "nslookup", "nslookup -type=x y", "dig x -t NOPE", "nslookup -type=aaaa web"] {
        println!("$ {command}\n{}", typed(command));
    }
}
