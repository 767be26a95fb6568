//! From corner points to SVG path data.

use std::fmt::Write as _;

use super::geometry::{Point, Tenths};

/// Radius of a track's corners.
const RADIUS: f64 = 7.0;

/// A line through `points` with rounded corners, as the `d` of a path.
#[must_use]
pub fn rounded(points: &[Point]) -> String {
    let mut d = String::new();
    let Some(first) = points.first() else { return d };
    // Writing to a String cannot fail.
    let _ = write!(d, "M{} {}", Tenths(first.x), Tenths(first.y));
    for idx in 1..points.len() {
        let (before, corner) = (points[idx - 1], points[idx]);
        let Some(after) = points.get(idx + 1) else {
            let _ = write!(d, "L{} {}", Tenths(corner.x), Tenths(corner.y));
            continue;
        };
        let radius = RADIUS.min(distance(before, corner) / 2.0).min(distance(corner, *after) / 2.0);
        let (start, end) = (towards(corner, before, radius), towards(corner, *after, radius));
        let _ = write!(d, "L{} {}", Tenths(start.x), Tenths(start.y));
        let _ = write!(d, "Q{} {} {} {}", Tenths(corner.x), Tenths(corner.y), Tenths(end.x), Tenths(end.y));
    }
    d
}

/// The middle of every straight piece that is long enough to carry an arrow, with its direction in degrees.
#[must_use]
pub(super) fn arrows(points: &[Point], least: f64) -> Vec<(Point, f64)> {
    let pieces = points.windows(2).map(|pair| (distance(pair[0], pair[1]), pair[0], pair[1]));
    let long = pieces.filter(|(length, _, _)| *length >= least);
    long.map(|(length, a, b)| (towards(a, b, length / 2.0), (b.y - a.y).atan2(b.x - a.x).to_degrees())).collect()
}

/// The same line without its first and last `by`.
#[must_use]
pub(super) fn trimmed(points: &[Point], by: f64) -> Vec<Point> {
    let mut points = points.to_vec();
    let last = points.len().saturating_sub(1);
    if last > 0 {
        points[0] = towards(points[0], points[1], by);
        points[last] = towards(points[last], points[last - 1], by);
    }
    points
}

/// Length of the way through `points`.
#[must_use]
pub fn length(points: &[Point]) -> f64 {
    points.windows(2).map(|pair| distance(pair[0], pair[1])).sum()
}

pub(super) fn distance(a: Point, b: Point) -> f64 {
    (b.x - a.x).hypot(b.y - a.y)
}

fn towards(from: Point, to: Point, by: f64) -> Point {
    let length = distance(from, to);
    if length == 0.0 {
        return from;
    }
    Point::new(from.x + (to.x - from.x) * by / length, from.y + (to.y - from.y) * by / length)
}

#[cfg(test)]
mod tests {
    use super::{arrows, length, rounded, trimmed};
    use crate::scene::geometry::Point;

    #[test]
    fn corners_are_rounded_and_ends_are_not() {
        let points = [Point::new(108.0, 106.0), Point::new(108.0, 164.0), Point::new(58.0, 164.0)];
        assert_eq!(rounded(&points), "M108 106L108 157Q108 164 101 164L58 164");
        assert_eq!(length(&points), 108.0);
        assert_eq!(arrows(&points, 55.0), [(Point::new(108.0, 135.0), 90.0)]);
        assert_eq!(arrows(&points, 40.0).len(), 2);
        assert_eq!(trimmed(&points, 6.0)[0], Point::new(108.0, 112.0));
    }

    #[test]
    fn a_short_piece_gets_a_small_corner() {
        let points = [Point::new(0.0, 0.0), Point::new(0.0, 4.0), Point::new(40.0, 4.0)];
        assert_eq!(rounded(&points), "M0 0L0 2Q0 4 2 4L40 4");
    }
}
