//! Several walks at once, locked to one row: how the state moves then, and what is computed for it.

use kubehop_core::api::faults;

use super::{Arrival, Comparison, Scenario, Shared, Side, State, Walk, changed, name_of, own_choice};

impl State {
    /// The step that is shown, or the row where several are.
    #[must_use]
    pub fn at(&self) -> usize {
        if self.comparison.is_some() { self.row } else { self.cursor }
    }

    /// What comes next: a step or a hop, or a row where several walks are shown.
    pub(super) fn ahead(&self) -> usize {
        match self.comparison {
            Some(_) => self.row + 1,
            None => self.walk.after(self.cursor, self.zoom),
        }
    }

    /// What was before.
    pub(super) fn behind(&self) -> usize {
        match self.comparison {
            Some(_) => self.row.saturating_sub(1),
            None => self.walk.before(self.cursor, self.zoom),
        }
    }

    /// To a step, or to a row where several are shown.
    pub(super) fn go_along(&mut self, to: usize) {
        self.is_playing = false;
        self.move_along(to, Arrival::Stepped(self.cursor));
    }

    pub(super) fn move_along(&mut self, to: usize, arrival: Arrival) {
        let Some(all) = self.comparison.clone() else { return self.move_to(to, arrival) };
        let row = to.min(all.rows.len() - 1);
        self.move_to(all.own(row), arrival);
        self.row = row;
    }

    /// Computes what is compared with.
    pub(super) fn compare(&mut self) {
        self.comparison = None;
        let Some(first) = self.with.first() else { return };
        let own = own_choice(first, &self.walk, &self.scenario);
        let mut sides = vec![Side { name: name_of(&own), walk: self.walk.clone() }];
        for choice in &self.with {
            match Walk::new(&changed(self.scenario.clone(), choice.clone(), &self.walk)) {
                Ok(walk) => sides.push(Side { name: name_of(choice), walk: Shared::new(walk) }),
                Err(reason) => self.notice = Some(format!("{} cannot be compared: {reason}", name_of(choice))),
            }
        }
        self.lay_out(sides);
    }

    fn lay_out(&mut self, sides: Vec<Side>) {
        if sides.len() > 1 {
            let all = Comparison::new(sides);
            self.row = all.row_of(self.cursor);
            self.comparison = Some(Shared::new(all));
        }
    }

    /// Compares with the walk before the last choice.
    pub(super) fn compare_before(&mut self) {
        let Some((walk, _)) = self.before.clone() else { return };
        self.with.clear();
        let side = |name: &str, walk: &Shared<Walk>| Side { name: name.to_owned(), walk: walk.clone() };
        self.lay_out(vec![side("now", &self.walk), side("before", &walk)]);
    }
}

/// Takes faults out that do not exist here, and says which.
pub(super) fn drop_unknown_faults(scenario: &mut Scenario) -> Option<String> {
    let known = faults();
    let (known, unknown): (Vec<String>, Vec<String>) =
        scenario.faults.drain(..).partition(|id| known.iter().any(|fault| fault.id == id));
    scenario.faults = known;
    (!unknown.is_empty()).then(|| format!("There is no fault {} here: nothing is broken for it.", unknown.join(", ")))
}
