//! Numbers and days as spreadsheets and people write them, and what they are here: for messages, which say what to write.

/// The number that has marks between its thousands, or a comma before its fraction: `4500.00` for `4.500,00`. Where one mark
/// could be either, as in `4.500`, there is no answer.
pub(super) fn number(written: &str) -> Option<String> {
    let (sign, written) = written.strip_prefix('-').map_or(("", written), |rest| ("-", rest));
    let is_part = |c: char| c.is_ascii_digit() || ".,'’".contains(c);
    let marks: Vec<char> = written.chars().filter(|c| !c.is_ascii_digit()).collect();
    let groups: Vec<&str> = written.split(|c: char| !c.is_ascii_digit()).collect();
    let (first, last) = (*marks.first()?, *marks.last()?);
    if !written.chars().all(is_part) || !marks[..marks.len() - 1].iter().all(|mark| *mark == first) {
        return None;
    }
    if groups.iter().any(|group| group.is_empty()) {
        return None;
    }
    let is_one_mark = first == last;
    let ends_with_thousands = is_one_mark && groups.last().is_some_and(|group| group.len() == 3);
    if marks.len() == 1 && (ends_with_thousands || first != ',') {
        return None;
    }
    let (whole, fraction) = match ends_with_thousands {
        true => (groups.as_slice(), None),
        false => (&groups[..groups.len() - 1], groups.last()),
    };
    let is_grouped = whole[1..].iter().all(|group| group.len() == 3);
    let is_short = whole.len() == 1 || whole[0].len() <= 3;
    if !is_grouped || !is_short || (fraction.is_some() && !".,".contains(last)) {
        return None;
    }
    let fraction = fraction.map_or_else(String::new, |fraction| format!(".{fraction}"));
    Some(format!("{sign}{}{fraction}", whole.concat()))
}

/// The day of `31.01.2026`, `31.1.26`, `31/1/2026`, as `2026-01-31`. Of `05/03/2026` either number may be the month, so it
/// is none.
pub(super) fn day(written: &str) -> Option<String> {
    let mut days = days(written);
    days.pop().filter(|_| days.is_empty())
}

/// The days that a text may mean: two where either number may be the month, none where it is no day.
pub(super) fn days(written: &str) -> Vec<String> {
    let written = written.trim();
    let Some(mark) = written.chars().find(|c| !c.is_ascii_digit()).filter(|mark| "./".contains(*mark)) else {
        return Vec::new();
    };
    let parts: Vec<&str> = written.split(mark).collect();
    let [one, other, year] = parts.as_slice() else { return Vec::new() };
    let is_right = matches!(one.len(), 1..=2) && matches!(other.len(), 1..=2) && matches!(year.len(), 2 | 4);
    let numbers = (one.parse::<u8>(), other.parse::<u8>(), year.parse::<u16>());
    let (Ok(one), Ok(other), Ok(year)) = numbers else { return Vec::new() };
    let year = if year < 100 { 2000 + year } else { year };
    // Only with points the day is always first.
    let orders =
        if mark == '.' || one == other { vec![(one, other)] } else { vec![(one, other), (other, one)] };
    let is_day = |(day, month): &(u8, u8)| is_right && (1..=31).contains(day) && (1..=12).contains(month);
    let shown = |(day, month): (u8, u8)| format!("{year:04}-{month:02}-{day:02}");
    orders.into_iter().filter(is_day).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_between_thousands_are_taken_away() {
        let cases = [
            ("4.500,00", Some("4500.00")),
            ("4.500.00", Some("4500.00")),
            ("1.234.567", Some("1234567")),
            ("1'234.50", Some("1234.50")),
            ("1'234'567", Some("1234567")),
            ("4.500", None),
            ("4500.00,1", None),
            ("1.2.3", None),
            ("1,500.00", Some("1500.00")),
            ("12,50", Some("12.50")),
            ("-1.234,56", Some("-1234.56")),
            ("12.50", None),
            ("1,500", None),
            ("1,", None),
            ("", None),
        ];
        for (written, expected) in cases {
            assert_eq!(number(written).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn a_day_is_seen_where_only_one_is_meant() {
        let cases = [
            ("31.01.2026", Some("2026-01-31")),
            ("5.3.2026", Some("2026-03-05")),
            ("31/1/2026", Some("2026-01-31")),
            ("01/31/2026", Some("2026-01-31")),
            ("05/03/2026", None),
            ("01.03.26", Some("2026-03-01")),
            ("05/03/26", None),
            ("00/03/2026", None),
        ];
        for (written, day_) in cases {
            assert_eq!(day(written).as_deref(), day_, "{written}");
        }
        assert_eq!(days("05/03/2026"), ["2026-03-05", "2026-05-03"]);
        assert!(days("a/b/2026").is_empty() && days("").is_empty());
    }
}
