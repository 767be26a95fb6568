//! What happens to the cluster while the client talks: a list of it, and a form for one thing more.

use std::rc::Rc;

use kubehop_core::api::Scene;
use yew::{Callback, Html, MouseEvent, Properties, component, html, use_state};

use super::Act;
use super::choices::{Group, Place, pod_label};
use super::controls::{icon_button, menu_of, number_of, on};
use super::icons::{CLOSE, icon};
use super::shapes::{bit, text};
use super::top_bar::choose;
use crate::state::{Action, Choice, Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub act: Act,
}

/// Something that can be done to a cluster.
struct Deed {
    /// Its word in an action.
    verb: &'static str,
    /// What the menu says.
    label: &'static str,
    /// To what; the values are references.
    objects: fn(&Scene) -> Vec<Place>,
    /// What to say where there is no such thing.
    none: &'static str,
}

const DEEDS: [Deed; 6] = [
    Deed { verb: "delete", label: "Delete a pod", objects: pods, none: "no pod here" },
    Deed { verb: "scale", label: "Scale a Deployment", objects: deployments, none: "no Deployment here" },
    Deed { verb: "fail-readiness", label: "Fail a readiness probe", objects: pods, none: "no pod here" },
    Deed { verb: "cordon", label: "Cordon a node", objects: nodes, none: "no node here" },
    Deed { verb: "create", label: "Create a service (not there before)", objects: services, none: "no service here" },
    Deed { verb: "delete", label: "Delete a service", objects: services, none: "no service here" },
];

fn pods(scene: &Scene) -> Vec<Place> {
    let pods = scene.nodes.iter().flat_map(|node| &node.pods);
    pods.map(|pod| Place::new(&pod.reference, pod_label(&pod.namespace, &pod.name))).collect()
}

fn deployments(scene: &Scene) -> Vec<Place> {
    let deployments = scene.workloads.iter().filter(|workload| workload.replicas.is_some());
    deployments.map(|it| object("deployment", &it.namespace, &it.name)).collect()
}

fn nodes(scene: &Scene) -> Vec<Place> {
    scene.nodes.iter().map(|node| Place::new(&node.reference, &node.name)).collect()
}

fn services(scene: &Scene) -> Vec<Place> {
    scene.services.iter().map(|it| object("service", &it.namespace, &it.name)).collect()
}

fn object(kind: &str, namespace: &str, name: &str) -> Place {
    Place::new(format!("{kind}/{namespace}/{name}"), pod_label(namespace, name))
}

/// What stands in the form.
#[derive(Clone, PartialEq)]
struct Form {
    deed: usize,
    object: String,
    replicas: String,
    millis: String,
}

impl Default for Form {
    fn default() -> Self {
        Self { deed: 0, object: String::new(), replicas: "3".to_owned(), millis: "-5".to_owned() }
    }
}

impl Form {
    /// The action that it says, on one of `objects`.
    fn action(&self, objects: &[Place]) -> Result<String, String> {
        let object = objects.iter().find(|place| place.value == self.object).or(objects.first());
        let object = object.ok_or_else(|| DEEDS[self.deed].none.to_owned())?;
        let millis: i64 =
            self.millis.parse().map_err(|_| format!("a time in ms is expected, not {:?}", self.millis))?;
        let verb = match DEEDS[self.deed].verb {
            "scale" => {
                let n: u32 = self
                    .replicas
                    .parse()
                    .map_err(|_| format!("a number of replicas is expected, not {:?}", self.replicas))?;
                format!("scale={n}")
            }
            verb => verb.to_owned(),
        };
        Ok(format!("{millis} {verb} {}", object.value))
    }
}

/// An action as people read it: when, and what.
fn words(action: &str) -> (String, String) {
    let mut parts = action.split_whitespace();
    let (when, verb, object) = (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
    let object = object.replacen("/default/", " ", 1).replacen('/', " ", 1);
    let when = match when.strip_prefix('-') {
        Some(before) => format!("−{before} ms"),
        None => format!("+{} ms", when.trim_start_matches('+')),
    };
    let deed = match verb.unwrap_or_default().split_once('=') {
        Some((verb, n)) => format!("{verb} {object} to {n}"),
        None => format!("{} {object}", verb.unwrap_or_default()),
    };
    (when, deed)
}

/// The sheet.
#[component]
pub(super) fn Meanwhile(props: &Props) -> Html {
    let Props { walk, act } = props;
    let form = use_state(Form::default);
    let scene = &walk.scene;
    let objects = (DEEDS[form.deed].objects)(scene);
    let deeds = DEEDS.iter().enumerate().map(|(idx, deed)| {
        let is_barred = (deed.objects)(scene).is_empty();
        let label = if is_barred { format!("{} ({})", deed.label, deed.none) } else { deed.label.to_owned() };
        Place { is_barred, ..Place::new(idx.to_string(), label) }
    });
    let deeds = [Group { label: String::new(), places: deeds.collect() }];
    // Every field writes the form anew.
    let edit = |change: fn(&mut Form, &str)| -> Rc<dyn Fn(&str)> {
        let form = form.clone();
        Rc::new(move |value: &str| {
            let mut next = (*form).clone();
            change(&mut next, value);
            form.set(next);
        })
    };
    let add = {
        let (act, action) = (act.clone(), form.action(&objects));
        Callback::from(move |_: MouseEvent| {
            act.dispatch(match &action {
                Ok(action) => choose(Choice::Do(action.clone())),
                Err(problem) => Action::Tell(format!("While it runs: {problem}")),
            });
        })
    };
    let chosen = objects.iter().find(|place| place.value == form.object).or(objects.first());
    let chosen = chosen.map(|place| place.value.clone()).unwrap_or_default();
    let chips = walk.run.actions.iter().enumerate().map(|(idx, action)| chip(idx, action, act));
    let which = [Group { label: String::new(), places: objects }];
    html! {
        <div class="sheet meanwhile" role="dialog" aria-label="While it runs">
            <header>
                <h2>{ "While it runs" }</h2>
                { icon_button("icon", "Close", on(act, Action::Show(None)), icon(CLOSE)) }
            </header>
            if walk.run.actions.is_empty() { <p>{ "Nothing happens to the cluster: it is at rest." }</p> }
            else { <ul class="chips" aria-label="Actions">{ for chips }</ul> }
            <div class="form">
                { menu_of("What", &deeds, &form.deed.to_string(), edit(|form, value| form.deed = value.parse().unwrap_or(0))) }
                { menu_of("Which", &which, &chosen, edit(|form, value| value.clone_into(&mut form.object))) }
                if DEEDS[form.deed].verb == "scale" {
                    { number_of("Replicas", &form.replicas, "", edit(|form, value| value.clone_into(&mut form.replicas))) }
                }
                { number_of("When", &form.millis, "ms after the start", edit(|form, value| value.clone_into(&mut form.millis))) }
                <button class="btn add" onclick={add}>{ "Add" }</button>
            </div>
            <p>{ "A negative time is before the client starts. Who wakes up, and what is written then, are steps of the walk." }</p>
        </div>
    }
}

/// One thing that happens, and a way to have it not happen.
fn chip(idx: usize, action: &str, act: &Act) -> Html {
    let (when, deed) = words(action);
    let remove = on(act, choose(Choice::Undo(idx)));
    html! { <li class="chip2">{ bit("when", &when) }<span>{ text(&deed) }</span>{ icon_button("icon", &format!("Remove {deed}"), remove, icon(CLOSE)) }</li> }
}

#[cfg(test)]
mod tests {
    use super::{DEEDS, Form, words};
    use crate::state::{Scenario, Walk};

    #[test]
    fn a_form_says_an_action() {
        let walk = Walk::new(&Scenario::default()).expect("the built-in walk");
        let action = |deed: usize, millis: &str| {
            let form = Form { deed, millis: millis.to_owned(), ..Form::default() };
            form.action(&(DEEDS[deed].objects)(&walk.scene))
        };
        assert_eq!(action(0, "-5").as_deref(), Ok("-5 delete pod/default/client"));
        assert_eq!(action(3, "20").as_deref(), Ok("20 cordon node/node-a"));
        assert_eq!(action(4, "0").as_deref(), Ok("0 create service/default/web"));
        assert!(action(0, "soon").is_err_and(|problem| problem.contains("soon")));
    }

    #[test]
    fn an_action_is_read_as_when_and_what() {
        let words = |action| {
            let (when, what) = words(action);
            format!("{when}: {what}")
        };
        assert_eq!(words("-5 delete pod/default/web-1"), "−5 ms: delete pod web-1");
        assert_eq!(words("20 scale=4 deployment/shop/web"), "+20 ms: scale deployment shop/web to 4");
    }
}
