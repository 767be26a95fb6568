//! What changed between two states of one packet, field by field.

use super::{Field, Layer, Packet, dissect};

/// What became of one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerChange {
    /// Nothing changed.
    Same(Layer),
    /// The header was put in front of the packet.
    Added(Layer),
    /// The header was taken off; its range is the one it had before.
    Removed(Layer),
    /// Some of its fields changed.
    Changed {
        /// The layer as it is now.
        layer: Layer,
        /// The fields that differ, in byte order.
        fields: Vec<FieldChange>,
    },
}

/// A field that has another value than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The field before.
    pub old: Field,
    /// The field now.
    pub new: Field,
}

impl LayerChange {
    /// The layer: as it is now, or as it was if it is gone.
    #[must_use]
    pub fn layer(&self) -> &Layer {
        match self {
            Self::Same(layer) | Self::Added(layer) | Self::Removed(layer) | Self::Changed { layer, .. } => layer,
        }
    }
}

/// Compares `before` with `after`, outermost layer first.
///
/// Kernels add and take headers at the front only, so layers are matched from the payload outwards.
#[must_use]
pub fn diff(before: &Packet, after: &Packet) -> Vec<LayerChange> {
    let (old, new) = (dissect(before), dissect(after));
    let n_common = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old.name == new.name).count();
    let (gone, old_tail) = old.split_at(old.len() - n_common);
    let (added, new_tail) = new.split_at(new.len() - n_common);
    let mut changes: Vec<LayerChange> = gone.iter().cloned().map(LayerChange::Removed).collect();
    changes.extend(added.iter().cloned().map(LayerChange::Added));
    changes.extend(old_tail.iter().zip(new_tail).map(|(old, new)| {
        let same_bytes = before.bytes()[old.range.clone()] == after.bytes()[new.range.clone()];
        if same_bytes {
            return LayerChange::Same(new.clone());
        }
        let fields = old
            .fields
            .iter()
            .filter_map(|old| {
                let new = new.fields.iter().find(|new| new.name == old.name && new.value != old.value)?;
                Some(FieldChange { old: old.clone(), new: new.clone() })
            })
            .collect();
        LayerChange::Changed { layer: new.clone(), fields }
    }));
    changes
}
