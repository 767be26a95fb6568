//! What happens to a cluster while a run lasts: `TIME ACTION REF`, as somebody types it.

use std::time::Duration;

use thiserror::Error;

use super::Lab;
use super::nearest::nearest;
use crate::base::Instant;
use crate::k8s::control_plane::{Action, Kind, ObjectRef, Verb};
use crate::k8s::controllers::MAX_REPLICAS;
use crate::k8s::objects::ObjectMeta;

/// The farthest from the client's start that anything may happen: an hour.
const FARTHEST_NANOS: i64 = 3_600_000_000_000;
/// What can be done, and to what.
const VERBS: [(&str, &[Kind]); 5] = [
    ("delete", &[Kind::Pod, Kind::Service, Kind::Deployment, Kind::DaemonSet]),
    ("create", &[Kind::Pod, Kind::Service, Kind::Deployment, Kind::DaemonSet]),
    ("scale", &[Kind::Deployment]),
    ("fail-readiness", &[Kind::Pod, Kind::Deployment, Kind::DaemonSet]),
    ("cordon", &[Kind::Node]),
];

/// Why an action cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ActionError {
    /// It has not three words.
    #[error("--do: found {found:?}, expected 'TIME ACTION REF', as in '-500 delete pod/web-0'")]
    Form {
        /// What stood there.
        found: String,
    },
    /// The time is none.
    #[error("--do: found {found:?}, expected milliseconds after the client starts, negative before, at most an hour")]
    Time {
        /// What stood there.
        found: String,
    },
    /// There is no such action.
    #[error("--do: there is no action {found:?}, expected delete, create, scale=N, fail-readiness or cordon{}", hint(.nearest))]
    Verb {
        /// What stood there.
        found: String,
        /// The nearest that there is.
        nearest: Option<&'static str>,
    },
    /// No number of pods.
    #[error("--do: found {found:?}, expected scale=N with N from 0 to {MAX_REPLICAS}")]
    Replicas {
        /// What stood there.
        found: String,
    },
    /// The reference is none, or one of a kind that the action does not know.
    #[error("--do: found {found:?}, expected {}", references(.verb))]
    Kind {
        /// What stood there.
        found: String,
        /// The action.
        verb: &'static str,
    },
    /// There is no such object.
    #[error("--do: there is no {wanted}{}", hint(.nearest))]
    NoSuchObject {
        /// What was asked for.
        wanted: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
    /// A run that no control plane takes part in.
    #[error("--do: nothing can be done while two BGP speakers talk; expected a target that is not bgp://")]
    Session,
}

fn hint(nearest: &Option<impl AsRef<str>>) -> String {
    nearest.as_ref().map(|name| format!("; the nearest is {}", name.as_ref())).unwrap_or_default()
}

/// `pod/NS/NAME, deployment/NS/NAME or daemonset/NS/NAME for fail-readiness`.
fn references(verb: &str) -> String {
    let kinds = VERBS.iter().find(|(name, _)| *name == verb).map_or(&[][..], |(_, kinds)| kinds);
    let form = |kind: &Kind| {
        let name = Kind::ALL.iter().find(|(_, other)| other == kind).map_or("", |(name, _)| name);
        if *kind == Kind::Node { format!("{name}/NAME") } else { format!("{name}/NS/NAME") }
    };
    let forms: Vec<String> = kinds.iter().map(form).collect();
    match &forms[..] {
        [first @ .., last] if !first.is_empty() => format!("{} or {last} for {verb}", first.join(", ")),
        _ => format!("{} for {verb}", forms.concat()),
    }
}

/// The actions of a run, and when its client starts: later than at the beginning if something is to happen before it.
pub(super) fn parse(lab: &Lab, texts: &[String]) -> Result<(Vec<Action>, Instant), ActionError> {
    let parsed = texts.iter().map(|text| one(lab, text)).collect::<Result<Vec<_>, _>>()?;
    let start = parsed.iter().map(|(at, ..)| -at).max().unwrap_or_default().max(0);
    let moment = |nanos: i64| Instant::START + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default());
    let action = |(at, verb, object)| Action { at: moment(start + at), verb, object };
    Ok((parsed.into_iter().map(action).collect(), moment(start)))
}

/// One action, and when it happens in nanoseconds after the client starts.
fn one(lab: &Lab, text: &str) -> Result<(i64, Verb, ObjectRef), ActionError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [time, verb, reference] = words[..] else { return Err(ActionError::Form { found: text.to_owned() }) };
    let at = nanos(time).ok_or_else(|| ActionError::Time { found: time.to_owned() })?;
    let (name, number) = verb.split_once('=').map_or((verb, None), |(name, number)| (name, Some(number)));
    let known = VERBS.iter().find(|(known, _)| *known == name && number.is_some() == (*known == "scale"));
    let replicas = || ActionError::Replicas { found: verb.to_owned() };
    let Some((name, kinds)) = known else {
        if name == "scale" {
            return Err(replicas());
        }
        let nearest = nearest(name, VERBS.iter().map(|(known, _)| *known));
        let nearest = VERBS.iter().map(|(known, _)| *known).find(|known| Some(*known) == nearest);
        return Err(ActionError::Verb { found: verb.to_owned(), nearest });
    };
    let verb = match (*name, number) {
        ("delete", _) => Verb::Delete,
        ("create", _) => Verb::Create,
        ("fail-readiness", _) => Verb::FailReadiness,
        ("cordon", _) => Verb::Cordon,
        (_, number) => {
            let wanted = number.and_then(|number| number.parse().ok()).filter(|n| *n <= MAX_REPLICAS);
            Verb::Scale(wanted.ok_or_else(replicas)?)
        }
    };
    Ok((at, verb, object(lab, name, kinds, reference)?))
}

/// The nanoseconds of decimal milliseconds. By hand: the standard library's table for reading any `f64` is 10 KB that do
/// not compress.
fn nanos(millis: &str) -> Option<i64> {
    let (sign, digits) = millis.strip_prefix('-').map_or((1, millis), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    // What is finer than a nanosecond is left out.
    let fraction = fraction.bytes().chain(*b"000000").take(6);
    let digits = whole.bytes().chain(fraction).map(|digit| i64::from(digit - b'0'));
    let nanos = digits.fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    (nanos <= FARTHEST_NANOS).then_some(sign * nanos)
}

fn object(lab: &Lab, verb: &'static str, kinds: &[Kind], reference: &str) -> Result<ObjectRef, ActionError> {
    let wrong = || ActionError::Kind { found: reference.to_owned(), verb };
    let parts: Vec<&str> = reference.split('/').collect();
    let kind = |word: &str| Kind::ALL.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind);
    let kind = kind(parts[0]).filter(|kind| kinds.contains(kind)).ok_or_else(wrong)?;
    let (namespace, name, container) = match (kind, &parts[1..]) {
        (Kind::Node, [name]) => ("", *name, None),
        (Kind::Node, _) => return Err(wrong()),
        (_, [name]) => ("default", *name, None),
        (_, [namespace, name]) => (*namespace, *name, None),
        (Kind::Pod, [namespace, name, container]) if verb == "fail-readiness" => (*namespace, *name, Some(*container)),
        _ => return Err(wrong()),
    };
    let object = ObjectRef { kind, namespace: namespace.to_owned(), name: name.to_owned() };
    let all: Vec<ObjectRef> = metas(lab, kind)
        .map(|meta| ObjectRef { kind, namespace: meta.namespace.clone(), name: meta.name.clone() })
        .collect();
    if !all.contains(&object) {
        let (wanted, names) = (object.to_string(), all.iter().map(ToString::to_string));
        return Err(ActionError::NoSuchObject { nearest: closest(&wanted, names), wanted: reference.to_owned() });
    }
    let pod = lab.objects.pods.iter().find(|pod| pod.meta.name == name && pod.meta.namespace == namespace);
    if let (Some(container), Some(pod)) = (container, pod) {
        let names = || pod.containers.iter().map(|container| container.name.clone());
        if !names().any(|name| name == container) {
            let nearest = closest(container, names()).map(|name| format!("{object}/{name}"));
            return Err(ActionError::NoSuchObject { nearest, wanted: reference.to_owned() });
        }
    }
    Ok(object)
}

fn metas(lab: &Lab, kind: Kind) -> Box<dyn Iterator<Item = &ObjectMeta> + '_> {
    let objects = &lab.objects;
    let workloads = move |is_deployment: bool| {
        let all = objects.workloads.iter().filter(move |it| it.replicas.is_some() == is_deployment);
        all.map(|workload| &workload.meta)
    };
    match kind {
        Kind::Node => Box::new(objects.nodes.iter().map(|node| &node.meta)),
        Kind::Pod => Box::new(objects.pods.iter().filter(|pod| !pod.finished).map(|pod| &pod.meta)),
        Kind::Service => Box::new(objects.services.iter().map(|service| &service.meta)),
        Kind::EndpointSlice => Box::new(objects.endpoint_slices.iter().map(|slice| &slice.meta)),
        Kind::Deployment => Box::new(workloads(true)),
        Kind::DaemonSet => Box::new(workloads(false)),
    }
}

/// One of that name in another namespace is nearer than one of another name.
fn closest(wanted: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    names.min_by_key(|name| (strsim::osa_distance(&last(wanted), &last(name)), strsim::osa_distance(wanted, name)))
}

#[cfg(test)]
mod tests {
    use super::{FARTHEST_NANOS, nanos, parse};
    use crate::lab::{Lab, Source};

    const LAB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: prod}
spec: {replicas: 1, selector: {matchLabels: {app: shop}}, template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: shop}]}}}
";

    fn lab() -> Lab {
        let text = format!("{}\n---{LAB}", include_str!("../../../examples/two-nodes.yaml"));
        crate::lab::parse(&[Source { name: "lab.yaml", text: text.as_bytes() }], &[]).lab
    }

    #[test]
    fn the_clock_begins_with_the_first_action_or_the_client() {
        let times = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let (actions, start) = parse(&lab(), &texts).expect("actions");
            let all = actions.iter().map(|action| action.at).chain([start]);
            all.map(|at| at.as_nanos() / 1_000_000).collect::<Vec<_>>()
        };
        assert_eq!(times(&["-500 delete pod/web-0", "2.5 cordon node/node-a"]), [0, 502, 500]);
        assert_eq!(times(&["20 scale=3 deployment/prod/shop"]), [20, 0]);
        assert_eq!(times(&[]), [0]);
    }

    #[test]
    fn times_are_decimal_milliseconds() {
        let cases = [
            ("0", Some(0)),
            ("-0.25", Some(-250_000)),
            ("2.0000019", Some(2_000_001)),
            ("3600000", Some(FARTHEST_NANOS)),
        ];
        for (text, expected) in cases {
            assert_eq!(nanos(text), expected, "{text}");
        }
        for text in ["", "-", ".", "1.", ".5", "--1", "1e3", "3600000.000001", "99999999999999999999"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_action_is_said() {
        let cases = [
            (
                "delete pod/web-0",
                "--do: found \"delete pod/web-0\", expected 'TIME ACTION REF', as in '-500 delete pod/web-0'",
            ),
            (
                "soon delete pod/web-0",
                "--do: found \"soon\", expected milliseconds after the client starts, negative before, at most an hour",
            ),
            (
                "1e9 delete pod/web-0",
                "--do: found \"1e9\", expected milliseconds after the client starts, negative before, at most an hour",
            ),
            (
                "nan delete pod/web-0",
                "--do: found \"nan\", expected milliseconds after the client starts, negative before, at most an hour",
            ),
            (
                "0 delte pod/web-0",
                "--do: there is no action \"delte\", expected delete, create, scale=N, fail-readiness or cordon; the nearest is delete",
            ),
            ("0 scale deployment/prod/shop", "--do: found \"scale\", expected scale=N with N from 0 to 10000"),
            ("0 scale=-1 deployment/prod/shop", "--do: found \"scale=-1\", expected scale=N with N from 0 to 10000"),
            (
                "0 delete=1 pod/web-0",
                "--do: there is no action \"delete=1\", expected delete, create, scale=N, fail-readiness or cordon; the nearest is delete",
            ),
            ("0 scale=1 pod/web-0", "--do: found \"pod/web-0\", expected deployment/NS/NAME for scale"),
            ("0 cordon node-a", "--do: found \"node-a\", expected node/NAME for cordon"),
            (
                "0 delete node/node-a",
                "--do: found \"node/node-a\", expected pod/NS/NAME, service/NS/NAME, deployment/NS/NAME or daemonset/NS/NAME for delete",
            ),
            (
                "0 delete pod/default/web-0/web",
                "--do: found \"pod/default/web-0/web\", expected pod/NS/NAME, service/NS/NAME, deployment/NS/NAME or daemonset/NS/NAME for delete",
            ),
            ("0 delete pod/web-9", "--do: there is no pod/web-9; the nearest is pod/default/web-0"),
            ("0 scale=2 deployment/shop", "--do: there is no deployment/shop; the nearest is deployment/prod/shop"),
            (
                "0 fail-readiness pod/default/web-0/wbe",
                "--do: there is no pod/default/web-0/wbe; the nearest is pod/default/web-0/web",
            ),
        ];
        for (text, expected) in cases {
            let error = parse(&lab(), &[text.to_owned()]).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
    }
}
