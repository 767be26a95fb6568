//! How an embedded page looks: what the query string says, and never the fragment.

use super::{Panel, Theme};

/// How much of the controls is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controls {
    /// All.
    #[default]
    Full,
    /// Steps, play and the slider.
    Min,
    /// None: steps by keys, or by whoever embeds the page.
    None,
}

/// What stands in the query string, and where the page is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Address of index.html, to which a link's fragment is added.
    pub base: String,
    /// Whether it stands in somebody else's page.
    pub is_embed: bool,
    /// Light or dark, until it is switched on the page.
    pub theme: Theme,
    /// How much of the controls is shown.
    pub controls: Controls,
    /// The one region to show; `None` shows them all.
    pub view: Option<Panel>,
}

impl Options {
    /// Reads a query string, with or without its `?`. What is not known is passed over: it may be a later version's.
    #[must_use]
    pub fn parse(query: &str, base: String) -> Self {
        let mut options = Self { base, ..Self::default() };
        for pair in query.trim_start_matches('?').split('&') {
            match pair {
                "embed=1" => options.is_embed = true,
                "theme=light" => options.theme = Theme::Light,
                "theme=dark" => options.theme = Theme::Dark,
                "controls=min" => options.controls = Controls::Min,
                "controls=none" => options.controls = Controls::None,
                "view=canvas" => options.view = Some(Panel::Topology),
                "view=headers" => options.view = Some(Panel::Packet),
                "view=tables" => options.view = Some(Panel::Tables),
                _ => {}
            }
        }
        options
    }

    /// Whether the bar at the top is the short one.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.controls != Controls::Full || self.view.is_some()
    }

    /// The address of the page, alone, with this fragment.
    #[must_use]
    pub fn link(&self, fragment: &str) -> String {
        if fragment.is_empty() { self.base.clone() } else { format!("{}#{fragment}", self.base) }
    }

    /// HTML that puts the page with this fragment into another one.
    #[must_use]
    pub fn frame(&self, fragment: &str) -> String {
        let hash = if fragment.is_empty() { String::new() } else { format!("#{}", fragment.replace('&', "&amp;")) };
        format!(
            "<iframe src=\"{}?embed=1{hash}\" title=\"Kubehop\" width=\"100%\" height=\"450\" loading=\"lazy\"></iframe>",
            self.base
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Controls, Options};
    use crate::state::{Panel, Theme};

    #[test]
    fn each_option_is_read_and_what_is_unknown_passed_over() {
        let options = Options::parse("?embed=1&theme=dark&controls=min&view=canvas&quiz=1&lang=de", "./".to_owned());
        let expected = Options {
            base: "./".to_owned(),
            is_embed: true,
            theme: Theme::Dark,
            controls: Controls::Min,
            view: Some(Panel::Topology),
        };
        assert_eq!(options, expected);
        assert_eq!(Options::parse("", String::new()), Options::default());
        assert_eq!(Options::parse("theme=auto&controls=full&view=split&embed=0", String::new()), Options::default());
    }

    #[test]
    fn a_frame_can_be_pasted_into_html() {
        let options = Options { base: "https://a.example/k/".to_owned(), ..Options::default() };
        assert_eq!(options.link("v=1&mtu=9000"), "https://a.example/k/#v=1&mtu=9000");
        let frame = options.frame("v=1&mtu=9000");
        assert!(frame.contains("src=\"https://a.example/k/?embed=1#v=1&amp;mtu=9000\""), "{frame}");
    }
}
