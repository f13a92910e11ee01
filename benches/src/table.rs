//! The table: one line for each row, as Markdown.

use crate::{Goal, Row, Samples};

const HEAD: [&str; 7] = ["what", "figure (least-greatest)", "opponent", "its figure", "ratio", "goal", "met"];

/// The rows as a table, its columns aligned.
pub fn table(rows: &[Row]) -> String {
    let mut lines = vec![HEAD.map(String::from)];
    lines.extend(rows.iter().map(line));
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    lines.insert(1, std::array::from_fn(|column| "-".repeat(widths[column])));
    let mut text = String::new();
    for line in lines {
        for (cell, width) in line.iter().zip(&widths) {
            text.push_str(&format!("| {cell:width$} "));
        }
        text.push_str("|\n");
    }
    text
}

fn line(row: &Row) -> [String; 7] {
    let unit = row.unit.symbol();
    let (opponent, theirs) = match &row.opponent {
        Some((name, figure)) => (name.clone(), spread(figure)),
        None => Default::default(),
    };
    let goal = match row.goal {
        None => String::new(),
        Some(Goal::Ratio(least)) => format!(">= {least}x"),
        Some(Goal::RatioAtMost(most)) => format!("<= {most}x"),
        Some(Goal::AtMost(most)) => format!("<= {} {unit}", number(most)),
    };
    let met = match row.is_met() {
        None => "",
        Some(true) => "yes",
        Some(false) => "NO",
    };
    let figure = format!("{} {unit}", spread(&row.figure)).trim_end().to_owned();
    let ratio = row.ratio().map_or_else(String::new, |ratio| spread(&ratio));
    [row.what.clone(), figure, opponent, theirs, ratio, goal, met.into()]
}

fn spread(figure: &Samples) -> String {
    let (median, least, greatest) =
        (number(figure.median()), number(figure.least()), number(figure.greatest()));
    if least == greatest { median } else { format!("{median} ({least}-{greatest})") }
}

/// About three digits, or all of those before the point.
fn number(figure: f64) -> String {
    match figure.abs() {
        size if size >= 99.5 => thousands(&format!("{figure:.0}")),
        size if size >= 9.95 => format!("{figure:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{figure:.2}"),
        _ => format!("{figure:.4}"),
    }
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unit;

    #[test]
    fn a_line_says_figure_opponent_ratio_and_goal() {
        let row = Row::new("batches of 1", Unit::Events, Samples::new(vec![4000.0, 5000.0, 4500.0]))
            .against("bare", &Samples::new(vec![5000.0, 5000.0, 5000.0]))
            .with_goal(Goal::Ratio(0.85));
        let expected = [
            "batches of 1",
            "4 500 (4 000-5 000) events/s",
            "bare",
            "5 000",
            "0.90 (0.80-1.00)",
            ">= 0.85x",
            "yes",
        ];
        assert_eq!(line(&row), expected);
    }

    #[test]
    fn a_missed_goal_is_loud() {
        let row = Row::new("x", Unit::Milliseconds, 1.5).with_goal(Goal::AtMost(1.0));
        assert_eq!(line(&row), ["x", "1.50 ms", "", "", "", "<= 1.00 ms", "NO"]);
    }
}
