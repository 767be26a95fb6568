//! What the page knows, and how it changes: one value, one function. No browser in here.

mod compare;
mod legs;
mod link;
mod locked;
mod options;
mod playback;
mod scenario;
mod shared;
mod stops;
mod walk;

use std::ops::Range;
use std::rc::Rc;

use kubehop_core::api::{CniMode, DEFAULT_WALK, ProxyMode};
use yew::Reducible;

use crate::scene::{Kind, PIECE, kinds_at};

pub use compare::{
    Comparison, Difference, Side, align, first_difference, from_word, name_of, own_choice, rules_read, to_word,
};
pub use legs::{Leg, LegKind};
pub use link::{Link, Unreadable};
pub use options::{Controls, Options};
pub use playback::Speed;
pub use scenario::{Scenario, proxy_name};
pub use shared::Shared;
pub use stops::Zoom;
pub use walk::Walk;

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system has it.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// The panel that a narrow page shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// The list of steps.
    Topology,
    /// What happened.
    #[default]
    Explanation,
    /// The packet.
    Packet,
    /// The tables.
    Tables,
    /// The MTU.
    Mtu,
}

/// What lies above the page for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sheet {
    /// The help.
    Help,
    /// The walks to choose from.
    Walks,
    /// The settings.
    Settings,
    /// What happens to the cluster meanwhile.
    Meanwhile,
    /// The chart of rules against services.
    Chart,
    /// The chart of payload against the MTU.
    Efficiency,
    /// The walk as text.
    Text,
    /// What can be broken.
    Faults,
    /// What can be taken away.
    Take,
}

/// A command that is typed at the packet's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Typed {
    /// It.
    pub command: &'static str,
    /// After the run, or before it.
    pub is_after: bool,
}

/// How the cursor came to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// By a person, from this step.
    Stepped(usize),
    /// By playing, from this step.
    Played(usize),
    /// The walk is new, or came from a link.
    Opened,
}

/// Everything that the page shows depends on this.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// What is computed.
    pub scenario: Scenario,
    /// What came out.
    pub walk: Shared<Walk>,
    /// The walk before the last choice, and where the present one first differs from it; until that is closed.
    pub before: Option<(Shared<Walk>, Difference)>,
    /// What is compared with: each a choice that is made otherwise there.
    pub with: Vec<Choice>,
    /// The walks that are compared.
    pub comparison: Option<Shared<Comparison>>,
    /// The row of the comparison that is shown.
    pub row: usize,
    /// Index of the step that is shown.
    pub cursor: usize,
    /// How it came there.
    pub arrival: Arrival,
    /// Whether the walk plays.
    pub is_playing: bool,
    /// How fast.
    pub speed: Speed,
    /// How far one press of Next goes.
    pub zoom: Zoom,
    /// Light or dark.
    pub theme: Theme,
    /// Whether nothing moves, whatever the system wants.
    pub is_still: bool,
    /// The table that is shown.
    pub table: Kind,
    /// The command that is typed in place of a table.
    pub typed: Option<Typed>,
    /// The panel that a narrow page shows.
    pub panel: Panel,
    /// Whether the packet panel shows all fields.
    pub shows_all_fields: bool,
    /// Something to tell: what could not be read or computed.
    pub notice: Option<String>,
    /// What lies above the page.
    pub sheet: Option<Sheet>,
    /// Whether the command was copied, or only selected because the clipboard is refused; `None` before.
    pub copied: Option<bool>,
    /// The rows that are shown although they are many: which table, and which of its rows.
    pub unfolded: Option<(usize, Range<usize>)>,
    /// Keys of the link that this version does not know.
    pub unknown: Vec<(String, String)>,
    /// Number of scenarios that were chosen by hand: each is a place in the browser's history.
    pub n_chosen: usize,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// To the first step.
    First,
    /// One back.
    Previous,
    /// One on.
    Next,
    /// To the last step.
    Last,
    /// To the hop before.
    PreviousHop,
    /// To the hop after.
    NextHop,
    /// To a step.
    Go(usize),
    /// To a row of the comparison.
    GoRow(usize),
    /// Compare with what these choices would give; with none, no longer.
    Compare(Vec<Choice>),
    /// Compare with the walk before the last choice.
    CompareBefore,
    /// Say no more of what the last choice changed.
    ForgetBefore,
    /// One on, by playing.
    Tick,
    /// Play or pause.
    TogglePlay,
    /// By steps or by hops.
    Zoom(Zoom),
    /// Another speed.
    CycleSpeed,
    /// Light or dark.
    Theme(Theme),
    /// Without motion, or as the system wants it.
    Still(bool),
    /// Show a table.
    Table(Kind),
    /// Type a command, or look at what the step read.
    Type(Option<Typed>),
    /// Show a panel.
    Panel(Panel),
    /// All fields or what changed.
    ToggleAllFields,
    /// Lay something above the page, or nothing.
    Show(Option<Sheet>),
    /// The command was copied, or only selected.
    Copied(bool),
    /// Show the first of some rows that are folded: which table, and which of its rows.
    Unfold(usize, Range<usize>),
    /// Show a table, wherever tables are shown.
    ShowTable(Kind),
    /// Close the notice.
    Dismiss,
    /// Something cannot be done: tell it.
    Tell(String),
    /// Compute something else.
    Choose(Choice),
    /// A link was opened: its fragment.
    Open(String),
}

/// A choice in the top bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Sender.
    From(String),
    /// Target.
    To(String),
    /// Sender and target at once.
    Both(String, String),
    /// Plugin and mode.
    Cni(CniMode),
    /// The back end of kube-proxy.
    Proxy(ProxyMode),
    /// The node that a client outside comes in by; `None` leaves it to the balancer.
    Via(Option<String>),
    /// Something more happens meanwhile: `TIME ACTION REF`.
    Do(String),
    /// One of these things does not happen after all.
    Undo(usize),
    /// What is broken, and nothing else; `None` mends all.
    Fault(Option<String>),
    /// One fault less.
    Mend(String),
    /// NIC MTU, bytes.
    Mtu(usize),
    /// Bytes of the request.
    Size(usize),
    /// Bytes of the reply.
    Reply(usize),
    /// Seed.
    Seed(u64),
    /// DF of a ping.
    Df(bool),
    /// Another built-in walk, by its id.
    Walk(String),
    /// A cluster that somebody brings along; `None` for the built-in one.
    Cluster(Option<Rc<str>>),
}

impl State {
    /// The page as a link has it. What cannot be read gives the built-in walk, with a notice.
    ///
    /// # Panics
    /// If the built-in walk cannot be computed, which a test rules out.
    #[must_use]
    pub fn open(fragment: &str) -> Self {
        match Self::read(fragment) {
            Ok(state) => state,
            Err(reason) => {
                let mut state = Self::read("").expect("the built-in walk is tested");
                state.notice = Some(format!("This link cannot be read, so this is the built-in walk. {reason}"));
                state
            }
        }
    }

    fn read(fragment: &str) -> Result<Self, String> {
        let mut link = Link::parse(fragment).map_err(|Unreadable(reason)| reason)?;
        let unknown_fault = locked::drop_unknown_faults(&mut link.scenario);
        let walk = Walk::new(&link.scenario)?;
        let found = link.step.as_deref().map(|id| (walk.find(id), id));
        let (cursor, notice) = match found {
            None => (walk.start(), None),
            Some((Some(idx), _)) => (idx, None),
            // It may be a step that only another side of the comparison has.
            Some((None, _)) if !link.with.is_empty() => (0, None),
            Some((None, id)) => {
                let near = walk.nearest(id);
                (near, Some(format!("This walk has no step {id}. The nearest is {}.", walk.id(near))))
            }
        };
        let mut state = Self {
            scenario: link.scenario.normal(&walk.scene, walk.spec.as_ref()),
            walk: Shared::new(walk),
            before: None,
            with: link.with,
            comparison: None,
            row: 0,
            cursor,
            arrival: Arrival::Opened,
            is_playing: false,
            speed: Speed::default(),
            zoom: Zoom::default(),
            theme: Theme::default(),
            is_still: false,
            table: Kind::Route,
            typed: None,
            panel: Panel::default(),
            shows_all_fields: false,
            notice: unknown_fault.or(notice),
            sheet: None,
            copied: None,
            unfolded: None,
            unknown: link.unknown,
            n_chosen: 0,
        };
        state.compare();
        let row = state.comparison.as_ref().and_then(|all| all.find(link.step.as_deref()?));
        if let Some(row) = row {
            state.move_along(row, Arrival::Opened);
        }
        state.follow_tables();
        Ok(state)
    }

    /// The fragment that reopens this page.
    #[must_use]
    pub fn fragment(&self) -> String {
        let id = match &self.comparison {
            Some(all) if !self.with.is_empty() => all.id(self.row),
            _ => self.walk.id(self.cursor),
        };
        // A comparison begins at its first row.
        let start = if self.comparison.is_some() { 0 } else { self.walk.start() };
        let step = (self.at() != start).then(|| id.to_owned());
        Link { scenario: self.scenario.clone(), with: self.with.clone(), step, unknown: self.unknown.clone() }
            .to_fragment()
    }

    /// Whether this is the last step.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.at() + 1 >= self.comparison.as_ref().map_or(self.walk.n_steps(), |all| all.rows.len())
    }

    fn go(&mut self, to: usize) {
        self.is_playing = false;
        self.move_to(to, Arrival::Stepped(self.cursor));
    }

    fn move_to(&mut self, to: usize, arrival: Arrival) {
        self.cursor = to.min(self.walk.n_steps() - 1);
        self.arrival = arrival;
        self.row = self.comparison.as_ref().map_or(0, |all| all.row_of(self.cursor));
        self.copied = None;
        self.unfolded = None;
        self.follow_tables();
    }

    /// Shows the table that the step read; keeps the shown one if it read none.
    fn follow_tables(&mut self) {
        let (hop, step) = self.walk.reel.step(&self.walk.trace, self.cursor);
        let read = kinds_at(&self.walk.trace, hop, step);
        if let Some(first) = read.first()
            && !read.contains(&self.table)
        {
            self.table = *first;
        }
    }

    fn choose(&mut self, choice: Choice) {
        let is_anew = matches!(choice, Choice::Walk(_) | Choice::Cluster(_));
        let scenario = changed(self.scenario.clone(), choice, &self.walk);
        if is_anew {
            self.sheet = None;
            self.with.clear();
            self.comparison = None;
            self.before = None;
        }
        if scenario == self.scenario {
            if is_anew {
                self.go(self.walk.start());
            }
            return;
        }
        match Walk::new(&scenario) {
            Ok(walk) => {
                // Another client or target is another story, and no step of it is to be held against the old one.
                let is_same_story = walk.run.from == self.walk.run.from && walk.run.to == self.walk.run.to;
                let difference = first_difference(&self.walk, &walk).filter(|_| is_same_story && !is_anew);
                let id = self.walk.id(self.cursor);
                let has_failed = walk.outcome().0 != self.walk.outcome().0;
                let cursor = match &difference {
                    // Another walk begins anew, the same one goes on where it was.
                    _ if is_anew => walk.start(),
                    _ if self.cursor == 0 => 0,
                    Some(first) if has_failed && walk.find(id).is_none() => first.at,
                    _ => walk.nearest(id),
                };
                self.scenario = scenario.normal(&walk.scene, walk.spec.as_ref());
                self.before = difference.map(|difference| (self.walk.clone(), difference));
                self.walk = Shared::new(walk);
                self.n_chosen += 1;
                self.is_playing = false;
                self.notice = None;
                self.compare();
                self.move_to(cursor, Arrival::Opened);
            }
            Err(reason) => self.notice = Some(format!("Not possible: {reason}")),
        }
    }
}

/// `scenario` with one choice made, and what hangs on it.
fn changed(scenario: Scenario, choice: Choice, walk: &Walk) -> Scenario {
    match choice {
        Choice::From(from) => {
            // Only who is outside comes in by a node.
            let via = if from.starts_with("host/") { scenario.via } else { Some(String::new()) };
            Scenario { from: Some(from), to: Some(walk.run.to.clone()), via, ..scenario }
        }
        Choice::To(to) => Scenario { from: Some(walk.run.from.clone()), to: Some(to), ..scenario },
        Choice::Both(from, to) => Scenario { from: Some(from), to: Some(to), ..scenario },
        Choice::Cni(mode) => {
            // The cluster's own mode is no choice.
            let own = Scenario { cni: None, ..scenario.clone() }.lab().ok().map(|lab| lab.spec.cni);
            // Without kube-proxy only Cilium's own programs translate services.
            let proxy = scenario.proxy.filter(|proxy| *proxy != ProxyMode::None || mode.is_cilium());
            Scenario { cni: (own != Some(mode)).then_some(mode), proxy, ..scenario }
        }
        Choice::Proxy(mode) => {
            let own = Scenario { proxy: None, ..scenario.clone() }.lab().ok().map(|lab| lab.spec.kube_proxy.mode);
            Scenario { proxy: (own != Some(mode)).then_some(mode), ..scenario }
        }
        Choice::Via(via) => Scenario { via: Some(via.unwrap_or_default()), ..scenario },
        Choice::Do(action) => {
            let mut actions = walk.run.actions.clone();
            if !actions.contains(&action) {
                actions.push(action);
            }
            Scenario { actions: Some(actions), ..scenario }
        }
        Choice::Undo(idx) => {
            let mut actions = walk.run.actions.clone();
            if idx < actions.len() {
                actions.remove(idx);
            }
            Scenario { actions: Some(actions), ..scenario }
        }
        Choice::Fault(id) => Scenario { faults: Some(id.into_iter().collect()), ..scenario },
        Choice::Mend(id) => {
            Scenario { faults: Some(walk.run.faults.iter().filter(|it| **it != id).cloned().collect()), ..scenario }
        }
        Choice::Mtu(mtu) => {
            let own = Scenario { mtu: None, ..scenario.clone() }.lab().ok().map(|lab| lab.spec.mtu);
            Scenario { mtu: (own != Some(mtu)).then_some(mtu), ..scenario }
        }
        Choice::Size(size) => Scenario { size: Some(size), ..scenario },
        Choice::Reply(reply) => Scenario { reply: Some(reply), ..scenario },
        Choice::Seed(seed) => Scenario { seed: Some(seed), ..scenario },
        Choice::Df(df) => Scenario { df: Some(df), ..scenario },
        Choice::Cluster(cluster) => Scenario { cluster, ..Scenario::default() },
        Choice::Walk(id) => Scenario { walk: Some(id).filter(|id| id != DEFAULT_WALK), ..Scenario::default() },
    }
}

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut state = (*self).clone();
        match action {
            Action::First => state.go_along(0),
            Action::Previous => state.go_along(state.behind()),
            Action::Next => state.go_along(state.ahead()),
            Action::Last => state.go_along(usize::MAX),
            Action::GoRow(row) => state.go_along(row),
            Action::Compare(with) => {
                state.with = with;
                state.sheet = None;
                state.compare();
            }
            Action::CompareBefore => state.compare_before(),
            Action::ForgetBefore => state.before = None,
            Action::PreviousHop => state.go(state.walk.previous_hop(state.cursor)),
            Action::NextHop => state.go(state.walk.next_hop(state.cursor)),
            Action::Go(idx) => state.go(idx),
            Action::Tick if state.is_at_end() => state.is_playing = false,
            Action::Tick => {
                state.move_along(state.ahead(), Arrival::Played(state.cursor));
                state.is_playing = !state.is_at_end();
            }
            Action::TogglePlay => {
                // At the end there is nothing left to play: it begins again.
                if !state.is_playing && state.is_at_end() {
                    state.move_along(0, Arrival::Played(state.cursor));
                }
                state.is_playing = !state.is_playing;
            }
            Action::Zoom(zoom) => state.zoom = zoom,
            Action::CycleSpeed => state.speed = state.speed.next(),
            Action::Still(is_still) => state.is_still = is_still,
            Action::Theme(theme) => state.theme = theme,
            Action::Table(kind) => {
                state.table = kind;
                state.typed = None;
                state.unfolded = None;
            }
            Action::Type(typed) => state.typed = typed,
            Action::Panel(panel) => state.panel = panel,
            Action::ToggleAllFields => state.shows_all_fields = !state.shows_all_fields,
            Action::Show(sheet) => state.sheet = sheet,
            Action::Copied(is_copied) => state.copied = Some(is_copied),
            Action::Unfold(table, rows) => {
                // What is open goes on where it ended.
                let start = match &state.unfolded {
                    Some((of, open)) if *of == table && open.end == rows.start => open.start,
                    _ => rows.start,
                };
                state.unfolded = Some((table, start..rows.end.min(rows.start + PIECE)));
            }
            Action::ShowTable(kind) => {
                state.table = kind;
                state.typed = None;
                state.panel = Panel::Tables;
            }
            Action::Dismiss => state.notice = None,
            Action::Tell(what) => state.notice = Some(what),
            Action::Choose(choice) => state.choose(choice),
            Action::Open(fragment) => {
                let opened = Self::open(&fragment);
                // How a person likes to look at it is not part of a link.
                state = Self {
                    theme: state.theme,
                    is_still: state.is_still,
                    speed: state.speed,
                    zoom: state.zoom,
                    panel: state.panel,
                    shows_all_fields: state.shows_all_fields,
                    n_chosen: state.n_chosen,
                    ..opened
                };
            }
        }
        if state == *self { self } else { Rc::new(state) }
    }
}

#[cfg(test)]
mod tests;
