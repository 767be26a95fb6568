//! Names that the API server makes up. Models k8s.io/apiserver/pkg/storage/names and pkg/util/rand.

use crate::base::Dice;

/// Letters and digits that spell no word.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// What `generateName` puts behind the name.
pub(super) fn suffix(dice: &mut Dice) -> String {
    letters(dice, 5)
}

/// The label pod-template-hash of a Deployment's pods. The real one is a hash of the whole template; this one is told by
/// the Deployment's name.
pub(super) fn template_hash(namespace: &str, name: &str) -> String {
    letters(&mut Dice::new(0, &format!("pod-template-hash {namespace}/{name}")), 10)
}

fn letters(dice: &mut Dice, n: usize) -> String {
    (0..n).map(|_| char::from(ALPHABET[dice.below(27) as usize])).collect()
}
