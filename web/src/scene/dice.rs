//! A service's translation: every endpoint that the dice could have chosen, and the one that they did.

use kubehop_core::api::{By, Decision, End, Scene, Trace};

/// What a connection to a service could have been sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dice {
    /// The endpoints that are shown, the chosen one among them.
    pub faces: Vec<Face>,
    /// How many there are besides.
    pub n_more: usize,
    /// Whether its source becomes the node's.
    pub is_masqueraded: bool,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Address and port.
    pub endpoint: String,
    /// Whose that is, if it is a pod's.
    pub name: String,
    /// Its probability in percent.
    pub chance: String,
    /// Whether it was chosen.
    pub is_chosen: bool,
}

/// Endpoints that are shown.
const MOST: usize = 4;

/// The dice of a step that decided `decision`, if it translated a service's address.
#[must_use]
pub fn dice(scene: &Scene, trace: &Trace, decision: &Decision) -> Option<Dice> {
    let choice = trace.choice.as_ref()?;
    let (Decision::Translate { end: End::Destination, to, by: By::Rule(_), .. } | Decision::Schedule { to, .. }) =
        decision
    else {
        return None;
    };
    let is_chosen = |endpoint: &(std::net::IpAddr, u16)| *endpoint == choice.chosen;
    if *to != choice.chosen || choice.destinations.is_empty() {
        return None;
    }
    let chosen = choice.destinations.iter().position(|(endpoint, _)| is_chosen(endpoint)).unwrap_or(0);
    // Of a long list the beginning, and the chosen one wherever it stands.
    let shown = choice.destinations.iter().enumerate().filter(|(idx, _)| {
        let n_before = if chosen >= MOST { MOST - 1 } else { MOST };
        *idx < n_before || *idx == chosen
    });
    let name_of = |ip: &str| {
        let mut pods = scene.nodes.iter().flat_map(|node| &node.pods);
        pods.find(|pod| pod.ip == ip).map(|pod| pod.name.clone()).unwrap_or_default()
    };
    let faces: Vec<Face> = shown
        .map(|(_, (endpoint, probability))| Face {
            endpoint: format!("{}:{}", endpoint.0, endpoint.1),
            name: name_of(&endpoint.0.to_string()),
            chance: percent(*probability),
            is_chosen: is_chosen(endpoint),
        })
        .collect();
    Some(Dice { n_more: choice.destinations.len() - faces.len(), faces, is_masqueraded: choice.masqueraded })
}

/// A probability to a tenth of a percent, without printing an `f64`.
fn percent(probability: f64) -> String {
    format!("{} %", super::geometry::Tenths(probability * 100.0))
}

#[cfg(test)]
mod tests {
    use super::{dice, percent};
    use crate::state::{Link, Walk};

    #[test]
    fn the_step_that_translates_a_service_shows_its_dice_and_no_other_does() {
        let link = Link::parse("#to=http://10.96.45.67:80&seed=2").expect("a link");
        let walk = Walk::new(&link.scenario).expect("a walk");
        let of = |idx: usize| dice(&walk.scene, &walk.trace, &walk.reel.step(&walk.trace, idx).1.decision);
        let steps: Vec<&str> = (0..walk.n_steps()).filter(|idx| of(*idx).is_some()).map(|idx| walk.id(idx)).collect();
        assert_eq!(steps, ["http.syn.node-a.nat-prerouting"]);
        let dice = of(walk.find(steps[0]).expect("the step")).expect("dice");
        let lines: Vec<String> = dice
            .faces
            .iter()
            .map(|face| format!("{} {} {} {}", face.endpoint, face.name, face.chance, face.is_chosen))
            .collect();
        assert_eq!(lines, ["10.244.0.3:8080 web-0 50 % false", "10.244.1.2:8080 web-1 50 % true"]);
        assert_eq!((dice.n_more, dice.is_masqueraded), (0, false));
    }

    #[test]
    fn chances_are_short() {
        assert_eq!(percent(1.0 / 3.0), "33.3 %");
        assert_eq!(percent(1.0), "100 %");
    }
}
