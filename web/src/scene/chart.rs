//! Charts. `plotters` makes the shapes, on a back end that keeps them as path data; every word is placed here, for only
//! the page knows its faces. What is counted where is in `efficiency` and, for rules against services, here.

use std::convert::Infallible;
use std::fmt::Write as _;

use kubehop_core::api::sort_by;
use plotters::prelude::{ChartBuilder, IntoDrawingArea, LineSeries, RGBColor};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingBackend, DrawingErrorKind};

use super::geometry::Point;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    /// Its name.
    pub name: &'static str,
    /// Its points: along, and upwards.
    pub points: Vec<(u32, u32)>,
}

/// An axis, in units of its own.
pub(super) struct Axis {
    /// Where it begins and ends.
    pub range: (u32, u32),
    /// Numbers at it: where, and what.
    pub ticks: Vec<(u32, String)>,
}

impl Axis {
    /// A logarithmic one, from 1 to `most`.
    fn log(most: u32) -> Self {
        let ticks = (0..9).map(|n| 10_u32.pow(n)).take_while(|tick| *tick <= most);
        Self { range: (0, log(most)), ticks: ticks.map(|tick| (log(tick), thousands(tick))).collect() }
    }
}

/// The place of `number` on a logarithmic axis.
pub(super) fn log(number: u32) -> u32 {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
    let place = ((number as f32).ln() * 1000.0) as u32;
    place
}

/// The chart in the units of its view box.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chart {
    /// The grid's path data.
    pub grid: String,
    /// The path data of every curve, in order.
    pub lines: Vec<String>,
    /// Numbers below: where, and what.
    pub below: Vec<(Point, String)>,
    /// Numbers on the left.
    pub left: Vec<(Point, String)>,
    /// What is marked.
    pub mark: Option<Point>,
    /// The curves' names with their last value, at their ends.
    pub names: Vec<(Point, String)>,
}

/// Size of the chart.
pub const CHART: (u32, u32) = (480, 268);
/// Room around the lines: above, below, left, right.
const MARGINS: [u32; 4] = [12, 26, 62, 164];
/// Least distance of two names.
const NAME_H: f64 = 19.0;

/// Rules against services, both axes logarithmic; `None` where there is nothing to draw.
#[must_use]
pub fn rules_chart(curves: &[Curve]) -> Option<Chart> {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let (most_x, most_y) = (points().map(|(x, _)| *x).max()?, points().map(|(_, y)| *y).max()?);
    // A little air above the highest line.
    let most_y = most_y.saturating_add(most_y / 3).max(10);
    let placed = curves.iter().map(|curve| {
        let name = curve.points.last().map_or(String::new(), |(_, y)| format!("{} {}", curve.name, thousands(*y)));
        (name, curve.points.iter().map(|(x, y)| (log(*x), log(*y))).collect())
    });
    draw(&placed.collect::<Vec<_>>(), &Axis::log(most_x), &Axis::log(most_y), None)
}

/// A line and the name at its end.
pub(super) type Placed = (String, Vec<(u32, u32)>);

/// Draws `lines` between two axes, and marks one point.
pub(super) fn draw(lines: &[Placed], across: &Axis, upwards: &Axis, mark: Option<(u32, u32)>) -> Option<Chart> {
    let mut paths = Paths { grid: String::new(), lines: vec![String::new(); lines.len()] };
    let mut chart = Chart::default();
    {
        let [above, below, left, right] = MARGINS;
        let root = (&mut paths).into_drawing_area();
        let mut builder = ChartBuilder::on(&root);
        builder.margin_top(above).margin_bottom(below).margin_left(left).margin_right(right);
        let ((x0, x1), (y0, y1)) = (across.range, upwards.range);
        let mut plot = builder.build_cartesian_2d(x0..x1, y0..y1).ok()?;
        let at = |(x, y): (i32, i32)| Point::new(f64::from(x), f64::from(y));
        for (x, words) in &across.ticks {
            plot.draw_series(LineSeries::new([(*x, y0), (*x, y1)], colour(0))).ok()?;
            chart.below.push((at(plot.backend_coord(&(*x, y0))), words.clone()));
        }
        for (y, words) in &upwards.ticks {
            plot.draw_series(LineSeries::new([(x0, *y), (x1, *y)], colour(0))).ok()?;
            chart.left.push((at(plot.backend_coord(&(x0, *y))), words.clone()));
        }
        chart.mark = mark.map(|mark| at(plot.backend_coord(&mark)));
        for (idx, (name, points)) in lines.iter().enumerate() {
            plot.draw_series(LineSeries::new(points.iter().copied(), colour(idx + 1))).ok()?;
            if let Some(last) = points.last() {
                chart.names.push((at(plot.backend_coord(last)), name.clone()));
            }
        }
    }
    apart(&mut chart.names);
    Some(Chart { grid: paths.grid, lines: paths.lines, ..chart })
}

/// A number with a thin gap before its last three digits.
fn thousands(number: u32) -> String {
    if number < 10_000 { number.to_string() } else { format!("{}\u{2009}{:03}", number / 1000, number % 1000) }
}

/// Moves names that would lie on each other, the lower one down.
fn apart(names: &mut [(Point, String)]) {
    let mut order: Vec<usize> = (0..names.len()).collect();
    sort_by(&mut order, |a, b| names[*a].0.y.total_cmp(&names[*b].0.y));
    let mut least = f64::NEG_INFINITY;
    for idx in order {
        let y = &mut names[idx].0.y;
        *y = y.max(least);
        least = *y + NAME_H;
    }
    // What was moved below the chart pushes the others up.
    let bottom = f64::from(CHART.1 - MARGINS[1]);
    let over = (least - NAME_H - bottom).max(0.0);
    for (at, _) in names.iter_mut().filter(|(at, _)| at.y > bottom - 3.0 * NAME_H) {
        at.y -= over;
    }
}

/// Which line a shape belongs to: 0 is the grid. Colours are the style sheet's; here they only carry this number.
fn colour(line: usize) -> RGBColor {
    RGBColor(u8::try_from(line).unwrap_or(u8::MAX), 0, 0)
}

/// A back end of `plotters` that keeps path data.
struct Paths {
    grid: String,
    lines: Vec<String>,
}

impl DrawingBackend for &mut Paths {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        CHART
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let line = usize::from(style.color().rgb.0);
        let d = line.checked_sub(1).map_or(&mut self.grid, |line| &mut self.lines[line]);
        for (idx, (x, y)) in path.into_iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(d, "{}{x} {y}", if idx == 0 { 'M' } else { 'L' });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{CHART, Curve, rules_chart};

    #[test]
    fn every_curve_is_a_line_inside_the_chart_with_its_name_at_the_end() {
        let curves = [
            Curve { name: "iptables", points: vec![(1, 4), (100, 103), (10_000, 10_003)] },
            Curve { name: "nftables", points: vec![(1, 6), (100, 6), (10_000, 6)] },
            Curve { name: "ipvs", points: vec![(1, 5), (100, 5), (10_000, 5)] },
        ];
        let chart = rules_chart(&curves).expect("a chart");
        assert_eq!(chart.lines.len(), 3);
        assert!(chart.lines.iter().all(|line| line.starts_with('M') && line.matches('L').count() == 2), "{chart:?}");
        assert_eq!(
            chart.below.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(),
            ["1", "10", "100", "1000", "10\u{2009}000"]
        );
        assert!(chart.names.iter().all(|(at, _)| at.x < f64::from(CHART.0) && at.y < f64::from(CHART.1)));
        let mut ys: Vec<f64> = chart.names.iter().map(|(at, _)| at.y).collect();
        ys.sort_by(f64::total_cmp);
        assert!(ys.windows(2).all(|pair| pair[1] - pair[0] >= 19.0), "{ys:?}");
        assert_eq!(rules_chart(&[]), None);
    }
}
