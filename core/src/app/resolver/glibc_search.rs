//! Which names glibc asks for, one after the other, and what it makes of the failures. Models resolv/res_query.c
//! __res_context_search.

use super::{LookupError, SERVFAIL};

/// `h_errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostError {
    /// `HOST_NOT_FOUND`
    HostNotFound,
    /// `TRY_AGAIN`
    TryAgain,
    /// `NO_RECOVERY`
    NoRecovery,
    /// `NO_DATA`
    NoData,
}

impl From<HostError> for LookupError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::HostNotFound | HostError::NoRecovery => Self::NoName,
            HostError::TryAgain => Self::Again,
            HostError::NoData => Self::NoData,
        }
    }
}

/// How a name was without success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub(super) error: HostError,
    /// Nobody was there: all servers refused.
    pub(super) refused: bool,
    /// The response code in the answer buffer.
    pub(super) rcode: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// As it is, before the search list.
    First,
    /// With this entry of the search list.
    Search(usize),
    /// As it is, after the search list.
    Last,
}

/// The walk.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    name: String,
    search: Vec<String>,
    no_tld_query: bool,
    stage: Option<Stage>,
    first_error: Option<HostError>,
    got_nodata: bool,
    got_servfail: bool,
    root_on_list: bool,
    last_error: HostError,
}

impl Walk {
    pub(super) fn new(name: &str, search: &[String], ndots: u32, no_tld_query: bool) -> Self {
        let n_dots = name.matches('.').count();
        let is_absolute = name.ends_with('.');
        let as_is = is_absolute || n_dots >= usize::try_from(ndots).unwrap_or(usize::MAX);
        let mut walk = Self {
            name: name.to_owned(),
            search: if is_absolute { Vec::new() } else { search.to_vec() },
            no_tld_query: no_tld_query && n_dots == 0,
            stage: None,
            first_error: None,
            got_nodata: false,
            got_servfail: false,
            root_on_list: false,
            last_error: HostError::HostNotFound,
        };
        walk.stage = if as_is { Some(Stage::First) } else { walk.after_first(false) };
        walk
    }

    /// The name that it is at, as it would be written; `None` at the end.
    pub(super) fn name(&mut self) -> Option<String> {
        match self.stage? {
            Stage::First | Stage::Last => Some(self.name.clone()),
            Stage::Search(at) => {
                let entry = &self.search[at];
                // The root may be written as a dot or as nothing.
                let domain = entry.strip_prefix('.').unwrap_or(entry);
                self.root_on_list |= domain.is_empty();
                Some(format!("{}.{domain}", self.name))
            }
        }
    }

    /// Goes on to the next name.
    pub(super) fn failed(&mut self, failure: Failure) {
        self.last_error = failure.error;
        self.stage = match self.stage {
            Some(Stage::First) => {
                self.first_error = Some(failure.error);
                self.after_first(true)
            }
            Some(Stage::Search(_)) if failure.refused => {
                self.first_error = Some(HostError::TryAgain);
                None
            }
            Some(Stage::Search(at)) => {
                let goes_on = match failure.error {
                    HostError::NoData => {
                        self.got_nodata = true;
                        true
                    }
                    HostError::HostNotFound => true,
                    HostError::TryAgain if failure.rcode == SERVFAIL => {
                        self.got_servfail = true;
                        true
                    }
                    HostError::TryAgain | HostError::NoRecovery => false,
                };
                if goes_on && at + 1 < self.search.len() { Some(Stage::Search(at + 1)) } else { self.last() }
            }
            Some(Stage::Last) | None => None,
        };
    }

    /// What the whole comes to when no name is left.
    pub(super) fn error(&self) -> HostError {
        match self.first_error {
            Some(error) => error,
            None if self.got_nodata => HostError::NoData,
            None if self.got_servfail => HostError::TryAgain,
            None => self.last_error,
        }
    }

    fn after_first(&self, tried: bool) -> Option<Stage> {
        match (self.search.is_empty(), tried) {
            (false, _) => Some(Stage::Search(0)),
            (true, false) => Some(Stage::Last),
            (true, true) => None,
        }
    }

    fn last(&self) -> Option<Stage> {
        let was_tried = self.first_error.is_some() || self.root_on_list;
        (!was_tried && !self.no_tld_query).then_some(Stage::Last)
    }
}
