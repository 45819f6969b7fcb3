//! Names of ASCII letters for streams and fields, after names in any language of Latin letters.

/// A name in lower case: letters with marks as those without, `_` for anything else between.
pub(super) fn word_of(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars() {
        let before = word.len();
        match c {
            c if c.is_ascii_alphanumeric() => word.push(c.to_ascii_lowercase()),
            // A mark of its own belongs to the letter before.
            '\u{300}'..='\u{36f}' => continue,
            c => c.to_lowercase().for_each(|c| word.push_str(plain(c))),
        }
        if word.len() == before && !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
    }
    word.truncate(word.trim_end_matches('_').len());
    word
}

/// A small letter without its mark, as people write it where there is none.
fn plain(c: char) -> &'static str {
    match c {
        'ä' | 'æ' => "ae",
        'ö' | 'œ' => "oe",
        'ü' => "ue",
        'ß' => "ss",
        'þ' => "th",
        'à' | 'á' | 'â' | 'ã' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::word_of;

    #[test]
    fn letters_lose_their_marks_and_nothing_else() {
        let pairs = [
            ("Name des Empfängers", "name_des_empfaengers"),
            ("Währung", "waehrung"),
            ("UMSÄTZE (€)", "umsaetze"),
            ("Straße-Nr.", "strasse_nr"),
            ("Año", "ano"),
            ("Débit  réel", "debit_reel"),
            ("Łódź", "lodz"),
            ("Cafe\u{301}", "cafe"),
            ("金額", ""),
        ];
        pairs.iter().for_each(|(name, word)| assert_eq!(word_of(name), *word, "{name}"));
    }
}
