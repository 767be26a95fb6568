//! Playing: how long each step is shown. The clock itself is the browser's, and a hook's matter.

/// How fast a walk plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Speed {
    /// Time to read.
    Half,
    /// Time to look.
    #[default]
    Normal,
    /// For those who know the way.
    Double,
    /// To see the whole exchange.
    Fourfold,
}

impl Speed {
    /// Milliseconds for a step: never less than the packet's own travel.
    #[must_use]
    pub fn step_millis(self) -> u32 {
        match self {
            Self::Half => 2400,
            Self::Normal => 1200,
            Self::Double => 600,
            Self::Fourfold => 300,
        }
    }

    /// The label of its button.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Half => "½×",
            Self::Normal => "1×",
            Self::Double => "2×",
            Self::Fourfold => "4×",
        }
    }

    /// The one after it, round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Half => Self::Normal,
            Self::Normal => Self::Double,
            Self::Double => Self::Fourfold,
            Self::Fourfold => Self::Half,
        }
    }
}
