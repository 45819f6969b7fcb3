//! As much of a reader of XML as tells whether a document is well-formed, and what is in it.

/// An element, in the order in which they begin.
#[derive(Debug)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    /// Its own text, without that of the elements inside.
    pub(crate) text: String,
    /// The elements around it, by their places in the list, the outermost first.
    pub(crate) around: Vec<usize>,
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// All elements of a document.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn read(text: &str) -> Result<Vec<Element>, String> {
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap_or(text);
    while let Some(at) = rest.find('<') {
        let before = plain(&rest[..at])?;
        match open.last() {
            Some(inside) => elements[*inside].text.push_str(&before),
            None if before.trim().is_empty() => {}
            None => return Err(format!("text outside of everything: {before:?}")),
        }
        let end = at + rest[at..].find('>').ok_or("a tag does not end")?;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let last = open.pop().ok_or_else(|| format!("</{name}> closes nothing"))?;
            if elements[last].name != name {
                return Err(format!("</{name}> closes <{}>", elements[last].name));
            }
            continue;
        }
        let (tag, is_closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let element = Element {
            name: name.to_owned(),
            attributes: pairs(attributes)?,
            text: String::new(),
            around: open.clone(),
        };
        elements.push(element);
        if !is_closed {
            open.push(elements.len() - 1);
        }
    }
    match (open.is_empty(), rest.trim()) {
        (true, "") => Ok(elements),
        _ => Err(format!("it does not end: {open:?} {rest:?}")),
    }
}

fn pairs(mut text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    while !text.trim().is_empty() {
        let (name, rest) = text.split_once("=\"").ok_or_else(|| format!("no attribute: {text:?}"))?;
        let (value, rest) = rest.split_once('"').ok_or_else(|| format!("no end: {rest:?}"))?;
        let name = name.trim().to_owned();
        if pairs.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} twice"));
        }
        pairs.push((name, plain(value)?));
        text = rest;
    }
    Ok(pairs)
}

/// Text without its escapes.
fn plain(text: &str) -> Result<String, String> {
    if let Some(bad) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(format!("{bad:?} cannot be in XML"));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find(';').ok_or_else(|| format!("& alone: {rest:?}"))?;
        out.push(match &rest[at..=end] {
            "&amp;" => '&',
            "&lt;" => '<',
            "&gt;" => '>',
            "&quot;" => '"',
            other => return Err(format!("{other} is not known")),
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}
