//! The binary as a user runs it: what it prints, where, and with which exit status.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/two-nodes.yaml");

fn kubehop(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kubehop")).args(args).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The command ends with `status`, says `message` on standard error in one line, and writes nothing else.
fn fails(args: &[&str], status: i32, message: &str) {
    let output = kubehop(args);
    assert_eq!(output.status.code(), Some(status), "{args:?}: {}", stderr(&output));
    assert_eq!(stdout(&output), "", "{args:?}");
    let text = stderr(&output);
    assert!(text.contains(message), "{args:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{args:?}: {text}");
}

fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the scratch folder can be written");
    path
}

#[test]
fn a_sound_file_passes_the_check_in_silence() {
    let output = kubehop(&["check", LAB]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
}

#[test]
fn a_problem_is_printed_with_its_position_and_ends_with_3() {
    let path = scratch("no-such-node.yaml", b"apiVersion: v1\nkind: Node\nmetadata: { name: node-a }\n---\napiVersion: v1\nkind: Pod\nmetadata: { name: web }\nspec:\n  nodeName: node-b\n  containers: [{ name: web }]\n");
    let path = path.to_string_lossy();
    let output = kubehop(&["check", &path]);
    assert_eq!(output.status.code(), Some(3));
    let text = stdout(&output);
    assert!(text.starts_with(&format!("{path}:9:13: error: ")), "{text}");
    assert!(text.contains("node-b") && text.contains("node-a"), "{text}");
    let traced = kubehop(&["trace", &path, "--from", "pod/web", "--to", "ping://10.244.0.1"]);
    assert_eq!((traced.status.code(), stdout(&traced).as_str()), (Some(3), ""));
    assert_eq!(stderr(&traced), text);
}

#[test]
fn a_file_that_cannot_be_read_is_bad_input() {
    fails(&["check", "/no/such/file.yaml"], 3, "/no/such/file.yaml:1:1: error: cannot be read");
}

#[test]
fn a_trace_is_text_json_or_a_capture() {
    let args = ["trace", LAB, "--from", "pod/client", "--to", "http://10.244.1.2:8080"];
    let text = stdout(&kubehop(&args));
    assert!(text.ends_with("delivered at pod/default/web-1\n"), "{text}");
    let json = stdout(&kubehop(&[&args[..], &["--format", "json"]].concat()));
    assert!(json.starts_with("{\n  \"version\": 1,"), "{json}");
    let path = scratch("walk.pcapng", b"");
    let output = kubehop(&[&args[..], &["--format", "pcapng", "-o", &path.to_string_lossy()]].concat());
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""));
    assert_eq!(fs::read(&path).expect("the capture")[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
}

#[test]
fn the_three_levels_of_detail_say_more_and_more() {
    let len = |detail| {
        let args = ["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--detail", detail];
        stdout(&kubehop(&args)).lines().count()
    };
    assert!(len("minimal") < len("summary") && len("summary") < len("full"));
}

#[test]
fn a_name_says_what_it_has_cost_or_why_nobody_is_asked() {
    let ends = |name: &str| {
        let to = format!("lookup://{name}");
        let text = stdout(&kubehop(&["trace", LAB, "--from", "pod/client", "--to", &to]));
        text.lines().rev().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(
        ends("nobody.default.svc.cluster.local"),
        "8 queries for nobody.default.svc.cluster.local, 8 of them wasted; with a trailing dot 2"
    );
    assert_eq!(
        ends("a..b"),
        "nobody is asked for a..b: the name has an empty label (two dots in a row, or a dot in front)"
    );
}

#[test]
fn an_outcome_that_was_not_expected_ends_with_1() {
    let args = ["trace", LAB, "--from", "pod/client", "--to", "tcp://10.244.1.2:9999", "--expect"];
    assert_eq!(kubehop(&[&args[..], &["rejected"]].concat()).status.code(), Some(0));
    let output = kubehop(&[&args[..], &["delivered"]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "expected delivered, but it was rejected at pod/default/web-1: NO_SOCKET\n");
}

#[test]
fn a_place_that_does_not_exist_names_the_nearest_that_does() {
    fails(&["trace", LAB, "--from", "pod/cleint", "--to", "ping://10.244.1.2"], 3, "the nearest is pod/default/client");
    fails(
        &["trace", LAB, "--from", "pod/default/duo/sied", "--to", "ping://127.0.0.1"],
        3,
        "the nearest is pod/default/duo/side",
    );
    fails(&["show", LAB, "--at", "node/node-c", "--", "ip", "route"], 3, "the nearest is node/node-");
}

#[test]
fn wrong_usage_ends_with_2_and_one_line() {
    for (args, message) in [
        (&[][..], "no command"),
        (&["walk"], "no command \"walk\""),
        (&["trace", LAB], "--from REF is missing"),
        (&["trace", LAB, "--from", "pod/client"], "--to TARGET is missing"),
        (&["trace", "--from", "pod/client", "--to", "ping://1.2.3.4"], "no file"),
        (&["trace", LAB, "--from", "client", "--to", "ping://1.2.3.4"], "is not a reference"),
        (&["trace", LAB, "--from", "pod/client", "--to", "10.244.1.2"], "is not a target"),
        (&["trace", LAB, "--from", "pod/client", "--to", "tcp://10.244.1.2"], "is not a target"),
        (&["trace", LAB, "--from", "pod/client", "--to", "tcp://10.244.1.2:0"], "is not a port"),
        (&["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--size", "many"], "found \"many\""),
        (&["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--size", "65508"], "at most 65507"),
        (&["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--ttl", "0"], "from 1 to 255"),
        (&["trace", LAB, "--from", "pod/client", "--to", "tcp://10.244.1.2:80", "--df"], "only ping"),
        (
            &["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--format", "xml"],
            "text, json or pcapng",
        ),
        (&["trace", LAB, "--frmo", "pod/client"], "--frmo"),
        (&["check", LAB, "--set", "cni.mode"], "expected PATH=VALUE"),
        (&["check", LAB, "--fault", "small-nick"], "no fault \"small-nick\"; the nearest is small-nic"),
        (
            &["trace", LAB, "--from", "pod/client", "--to", "ping://10.244.1.2", "--fault", "x"],
            "`kubehop faults` lists them",
        ),
        (&["faults", "x"], "unexpected argument"),
        (&["rules", "--services", "1,x"], "--services: found \"x\", expected a number"),
        (&["rules", "--services", "0"], "--services: found 0, expected numbers from 1 to 50000"),
        (&["show", LAB, "--at", "node/node-a"], "expected -- and a command"),
        (&["show", LAB, "--at", "node/node-a", "--", "ifconfig"], "\"ifconfig\" is no command"),
        (&["show", LAB, "--at", "node/node-a", "--", "ip", "route", "get", "x"], "expected an IP address"),
    ] {
        fails(args, 2, message);
    }
}

#[test]
fn set_changes_the_lab_and_says_what_it_does_not_know() {
    let route = |mode| {
        let args = ["show", LAB, "--set", mode, "--at", "node/node-a", "--", "ip", "route", "get", "10.244.1.2"];
        stdout(&kubehop(&args))
    };
    assert!(route("cni.mode=vxlan").contains("dev flannel.1"), "{}", route("cni.mode=vxlan"));
    assert!(route("cni.mode=host-gw").contains("via 172.18.0.3 dev eth0"), "{}", route("cni.mode=host-gw"));
    let output = kubehop(&["check", LAB, "--set", "cni.mod=vxlan"]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[test]
fn a_command_after_a_trace_sees_what_the_trace_left() {
    let at = ["show", LAB, "--at", "pod/client"];
    let before = stdout(&kubehop(&[&at[..], &["--", "ip", "neigh"]].concat()));
    let after = stdout(&kubehop(
        &[&at[..], &["--after-trace", "pod/client", "ping://10.244.1.2", "--", "ip", "neigh"]].concat(),
    ));
    assert_eq!(before, "");
    assert!(after.starts_with("10.244.0.1 dev eth0 lladdr ") && after.trim_end().ends_with("REACHABLE"), "{after}");
}

#[test]
fn rules_are_counted_for_every_number_of_services() {
    let text = stdout(&kubehop(&["rules", "--services", "1,20"]));
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(rows[0], ["services", "mode", "rules", "lookups"]);
    let rules = |services: &str| -> usize {
        let row = rows.iter().find(|row| row[..2] == [services, "iptables"]).expect("a row of this mode");
        row[2].parse().expect("a number")
    };
    assert_eq!(rules("20") - rules("1"), 19, "{text}");
}

#[test]
fn faults_are_listed_with_their_titles_and_break_a_run() {
    let listed = stdout(&kubehop(&["faults"]));
    let ids: Vec<&str> = listed.lines().filter_map(|line| line.split_once("  ")).map(|(id, _)| id.trim()).collect();
    assert!(ids.contains(&"cni-mtu") && ids.len() == listed.lines().count(), "{listed}");
    let args =
        ["trace", LAB, "--from", "pod/client", "--to", "http://10.244.1.2:8080", "--fault", "tunnel-port-blocked"];
    let text = stdout(&kubehop(&args));
    assert!(text.ends_with("dropped at router/fabric: FABRIC_FILTERED\n"), "{text}");
}

#[test]
fn the_check_says_what_a_fault_breaks_and_show_shows_it() {
    let checked = kubehop(&["check", LAB, "--fault", "small-nic", "--fault", "bgp-session-down"]);
    assert_eq!(checked.status.code(), Some(0));
    let expected = "--fault:1:1: note: small-nic: eth0 of node node-b has MTU 1400\n\
                    --fault:1:1: note: bgp-session-down: has nothing to break here\n";
    assert_eq!(stdout(&checked), expected);
    let nic = |more: &[&str]| {
        let args = [&["show", LAB, "--at", "node/node-b"][..], more, &["--", "ip", "link"]].concat();
        stdout(&kubehop(&args))
    };
    assert!(!nic(&[]).contains("mtu 1400"));
    assert!(nic(&["--fault", "small-nic"]).contains("eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400"));
}

#[test]
fn walks_are_listed_and_run_and_options_come_before_what_they_say() {
    let listed = stdout(&kubehop(&["walks"]));
    assert!(listed.lines().count() >= 20, "{listed}");
    assert!(listed.lines().all(|line| line.split_once("  ").is_some_and(|(_, title)| !title.trim().is_empty())));
    assert!(listed.starts_with("cluster-ip    ClusterIP, across nodes\n"), "{listed}");
    let end = |options: &[&str]| {
        let output = kubehop(&[&["trace", "--walk", "black-hole", "--detail", "minimal"], options].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).lines().last().map(str::to_owned)
    };
    assert_eq!(end(&[]).as_deref(), Some("dropped at host/hv-node-a: FABRIC_MTU"));
    assert_eq!(end(&["--size", "10"]).as_deref(), Some("delivered at pod/default/web-1"));
    assert_eq!(end(&["--set", "underlay.mtu=1400"]).as_deref(), Some("delivered at pod/default/web-1"));
    fails(&["trace", "--walk", "hairpn"], 2, "the nearest is hairpin");
    fails(&["trace", "--walk", "hairpin", LAB], 2, "expected no FILE");
}

#[test]
fn the_check_reads_a_walk_with_the_labs_beside_it() {
    let walk = concat!(env!("CARGO_MANIFEST_DIR"), "/../walks/01-cluster-ip.yaml");
    let output = kubehop(&["check", walk, LAB]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), ""), "{}", stderr(&output));
    // Elsewhere there is no such lab.
    let moved = scratch("moved.yaml", &fs::read(walk).expect("a walk"));
    let output = kubehop(&["check", &moved.to_string_lossy()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stdout(&output).contains("error: lab: there is no walks/labs/two-nodes.yaml"), "{}", stdout(&output));
    fails(&["trace", &moved.to_string_lossy(), "--from", "a", "--to", "b"], 3, "found");
}
