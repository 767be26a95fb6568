//! The chart of rules against services.

use yew::{Html, Properties, component, html};

use super::Act;
use crate::state::{Shared, Walk};

#[derive(PartialEq, Properties)]
pub(super) struct Props {
    pub walk: Shared<Walk>,
    pub act: Act,
}

/// The sheet.
#[component]
pub(super) fn Chart(_props: &Props) -> Html {
    html! {}
}
