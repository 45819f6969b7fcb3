//! Where the boxes and arrows of a graph stand, from left to right.
//!
//! The layered drawing of Sugiyama, Tagawa and Toda (1981), as simple as our graphs allow: a box stands one layer
//! behind the last that leads to it; an arrow that goes on over several layers has a place in each, so that it never
//! crosses a box; layers are put in order by the mean of their neighbours. What stands at an arrow has a place of its
//! own between two layers. Arrows that lead back go above everything, each on its own height. So nothing overlaps by
//! construction, which the tests measure nevertheless.

use super::graph::Graph;

/// The width of a character, and the height of a line.
pub(super) const CHARACTER: i32 = 8;
pub(super) const LINE: i32 = 18;

/// Between the text of a box and its edge.
pub(super) const PADDING: i32 = 10;

/// Between two columns, and for each arrow that goes back through there.
const GUTTER: i32 = 30;
const RISER: i32 = 10;

/// Between two things of one column.
const GAP: i32 = 16;

/// The head of an arrow that leads from a box to itself.
const LOOP: i32 = 24;

/// How often the columns are put in order, and how often their places are evened out.
const SWEEPS: usize = 12;

/// A rectangle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rect {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Rect {
    pub(super) fn right(&self) -> i32 {
        self.left + self.width
    }

    pub(super) fn bottom(&self) -> i32 {
        self.top + self.height
    }
}

/// An arrow: an SVG path, and where what it says stands.
#[derive(Debug)]
pub(super) struct Arrow {
    pub(super) path: String,
    pub(super) label: Option<Rect>,
}

/// Where everything stands. All of it is within `size`, from (0, 0).
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) boxes: Vec<Rect>,
    pub(super) arrows: Vec<Arrow>,
    pub(super) size: (i32, i32),
}

/// How wide lines of text are.
pub(super) fn text_width<'t>(lines: impl IntoIterator<Item = &'t String>) -> i32 {
    lines.into_iter().map(|line| columns(line) * CHARACTER).max().unwrap_or(0)
}

/// How many columns a text takes, those of East Asian characters two.
pub(super) fn columns(text: &str) -> i32 {
    let wide = |character: char| match u32::from(character) {
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    };
    text.chars().map(wide).sum()
}

/// What stands in a column: a box, or an arrow on its way. Its anchor is the height that arrows meet it at.
struct Item {
    column: usize,
    width: i32,
    above: i32,
    below: i32,
    /// The anchor, once it is known.
    y: i32,
}

/// How an arrow goes.
enum Route {
    /// Through these items, boxes at both ends.
    Forward(Vec<usize>),
    /// Back, over everything.
    Back,
    /// To the box that it comes from.
    Itself,
}

struct Layouter<'g> {
    graph: &'g Graph,
    items: Vec<Item>,
    routes: Vec<Route>,
    /// The items of each column, from top to bottom.
    columns: Vec<Vec<usize>>,
    /// Where each column begins, and its width.
    places: Vec<(i32, i32)>,
}

/// Lays a graph out.
pub(super) fn layout(graph: &Graph) -> Layout {
    let layers = layers(graph);
    let mut layouter =
        Layouter { graph, items: Vec::new(), routes: Vec::new(), columns: Vec::new(), places: Vec::new() };
    layouter.add_boxes(&layers);
    layouter.add_routes(&layers);
    layouter.order();
    layouter.stack();
    layouter.widen();
    layouter.finish()
}

/// The layer of each node: one behind the last that leads there. Arrows that lead back do not count.
fn layers(graph: &Graph) -> Vec<usize> {
    let mut layers = vec![0; graph.nodes.len()];
    let (order, is_back) = explored(graph);
    for node in order {
        for (edge, _) in graph.edges.iter().zip(&is_back).filter(|(edge, back)| edge.from == node && !**back)
        {
            layers[edge.to] = layers[edge.to].max(layers[node] + 1);
        }
    }
    layers
}

/// The nodes so that each comes after all that lead to it, but for arrows that lead back; and which arrows do.
fn explored(graph: &Graph) -> (Vec<usize>, Vec<bool>) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; graph.nodes.len()];
    let mut is_back = vec![false; graph.edges.len()];
    let mut done = Vec::new();
    for root in 0..graph.nodes.len() {
        if states[root] != State::New {
            continue;
        }
        states[root] = State::Open;
        // A node, and the arrow that is looked at next.
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let Some(at) = (*next..graph.edges.len()).find(|at| graph.edges[*at].from == *node) else {
                states[*node] = State::Done;
                done.push(*node);
                path.pop();
                continue;
            };
            *next = at + 1;
            let to = graph.edges[at].to;
            match states[to] {
                State::New => {
                    states[to] = State::Open;
                    path.push((to, 0));
                }
                State::Open => is_back[at] = true,
                State::Done => {}
            }
        }
    }
    done.reverse();
    (done, is_back)
}

impl Layouter<'_> {
    /// Boxes stand in even columns; in the odd ones is what is said at arrows.
    fn add_boxes(&mut self, layers: &[usize]) {
        let last = layers.iter().max().copied().unwrap_or(0);
        self.columns = vec![Vec::new(); 2 * last + 1];
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let height = node.lines.len() as i32 * LINE + PADDING;
            let own = self.graph.edges.iter().find(|edge| edge.from == at && edge.to == at);
            let (head, label) = match own {
                Some(edge) => (LOOP + edge.lines.len() as i32 * LINE, text_width(&edge.lines)),
                None => (0, 0),
            };
            let width = box_width(&node.lines).max(label);
            self.add_item(Item {
                column: 2 * layers[at],
                width,
                above: height / 2 + head,
                below: height / 2,
                y: 0,
            });
        }
    }

    fn add_item(&mut self, item: Item) -> usize {
        let at = self.items.len();
        self.columns[item.column].push(at);
        self.items.push(item);
        at
    }

    fn add_routes(&mut self, layers: &[usize]) {
        for edge in &self.graph.edges {
            let (from, to) = (2 * layers[edge.from], 2 * layers[edge.to]);
            let route = if edge.from == edge.to {
                Route::Itself
            } else if to <= from {
                Route::Back
            } else {
                let mut through = vec![edge.from];
                for column in from + 1..to {
                    let is_said = column == from + 1 && !edge.lines.is_empty();
                    let (width, above) = match is_said {
                        true => (text_width(&edge.lines), edge.lines.len() as i32 * LINE + 4),
                        false => (0, 4),
                    };
                    through.push(self.add_item(Item { column, width, above, below: 4, y: 0 }));
                }
                through.push(edge.to);
                Route::Forward(through)
            };
            self.routes.push(route);
        }
    }

    /// For each item those next to it along the arrows, on the left and on the right.
    fn neighbours(&self) -> Vec<[Vec<usize>; 2]> {
        let mut all: Vec<[Vec<usize>; 2]> = self.items.iter().map(|_| [Vec::new(), Vec::new()]).collect();
        for route in &self.routes {
            let Route::Forward(through) = route else { continue };
            for pair in through.windows(2) {
                all[pair[1]][0].push(pair[0]);
                all[pair[0]][1].push(pair[1]);
            }
        }
        all
    }

    /// Puts each column in the order of the mean place of what it is connected to.
    fn order(&mut self) {
        let neighbours = self.neighbours();
        let mut ranks = vec![0; self.items.len()];
        let rank = |column: &[usize], ranks: &mut Vec<usize>| {
            column.iter().enumerate().for_each(|(rank, item)| ranks[*item] = rank);
        };
        self.columns.iter().for_each(|column| rank(column, &mut ranks));
        for sweep in 0..SWEEPS {
            let side = sweep % 2;
            let count = self.columns.len();
            for step in 0..count {
                let column = if side == 0 { step } else { count - 1 - step };
                let mean = |item: usize| {
                    let near = &neighbours[item][side];
                    let sum: usize = near.iter().map(|other| ranks[*other]).sum();
                    // Means are compared as whole numbers, so that nothing depends on rounding.
                    if near.is_empty() { ranks[item] * 1000 } else { sum * 1000 / near.len() }
                };
                let mut sorted = self.columns[column].clone();
                sorted.sort_by_key(|item| mean(*item));
                rank(&sorted, &mut ranks);
                self.columns[column] = sorted;
            }
        }
    }

    /// Gives every item its height: near the mean of its neighbours, and not over others of its column.
    fn stack(&mut self) {
        let neighbours = self.neighbours();
        for sweep in 0..SWEEPS {
            let side = sweep % 2;
            let count = self.columns.len();
            for step in 0..count {
                let column = if side == 0 { step } else { count - 1 - step };
                let wanted = |item: usize| {
                    let near = &neighbours[item][side];
                    let sum: i32 = near.iter().map(|other| self.items[*other].y).sum();
                    if near.is_empty() { self.items[item].y } else { sum / near.len() as i32 }
                };
                let wanted: Vec<i32> = self.columns[column].iter().map(|item| wanted(*item)).collect();
                let placed = self.apart(column, &wanted);
                for (item, y) in self.columns[column].clone().into_iter().zip(placed) {
                    self.items[item].y = y;
                }
            }
        }
    }

    /// The heights of a column's items as near to the wanted ones as can be without overlaps, in the mean.
    fn apart(&self, column: usize, wanted: &[i32]) -> Vec<i32> {
        let items = &self.columns[column];
        let mut placed: Vec<i32> = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let least = match at.checked_sub(1) {
                Some(before) => {
                    placed[before] + self.items[items[before]].below + GAP + self.items[*item].above
                }
                None => wanted[at],
            };
            placed.push(wanted[at].max(least));
        }
        let off: i32 = placed.iter().zip(wanted).map(|(placed, wanted)| placed - wanted).sum();
        let off = off / placed.len().max(1) as i32;
        placed.iter().map(|y| y - off).collect()
    }

    /// Gives every column its place from left to right.
    fn widen(&mut self) {
        let mut left = self.risers(None) * RISER;
        for column in 0..self.columns.len() {
            let width = self.columns[column].iter().map(|item| self.items[*item].width).max().unwrap_or(0);
            self.places.push((left, width));
            left += width + GUTTER + self.risers(Some(column)) * RISER;
        }
    }

    /// How many arrows that lead back go up or down behind a column, or before the first.
    fn risers(&self, column: Option<usize>) -> i32 {
        let back =
            self.graph.edges.iter().zip(&self.routes).filter(|(_, route)| matches!(route, Route::Back));
        let at = |(edge, _): (&super::graph::Edge, &Route)| {
            let up = Some(self.items[edge.from].column) == column;
            let down = self.items[edge.to].column.checked_sub(1) == column;
            i32::from(up) + i32::from(down)
        };
        back.map(at).sum()
    }

    fn box_of(&self, node: usize) -> Rect {
        let item = &self.items[node];
        let (left, width) = self.places[item.column];
        let lines = &self.graph.nodes[node].lines;
        let own = box_width(lines);
        Rect { left: left + (width - own) / 2, top: item.y - item.below, width: own, height: 2 * item.below }
    }

    fn finish(self) -> Layout {
        let top = self.items.iter().map(|item| item.y - item.above).min().unwrap_or(0);
        let mut lanes = Lanes { top: top - GAP, used: vec![0; self.columns.len() + 1] };
        let boxes: Vec<Rect> = (0..self.graph.nodes.len()).map(|node| self.box_of(node)).collect();
        let mut arrows = Vec::new();
        for (edge, route) in self.graph.edges.iter().zip(&self.routes) {
            arrows.push(match route {
                Route::Forward(through) => self.forward(edge, through, &boxes),
                Route::Back => self.back(edge, &boxes, &mut lanes),
                Route::Itself => itself(edge, boxes[edge.from]),
            });
        }
        moved(boxes, arrows)
    }

    /// From box to box: level inside of columns, bent between them.
    fn forward(&self, edge: &super::graph::Edge, through: &[usize], boxes: &[Rect]) -> Draft {
        let (from, to) = (boxes[edge.from], boxes[edge.to]);
        let mut pen = Pen::at(from.right(), self.items[edge.from].y);
        let mut label = None;
        for (at, item) in through.iter().enumerate() {
            let item = &self.items[*item];
            let (left, width) = self.places[item.column];
            if at > 0 {
                pen.bend(left, item.y);
            }
            if at == 1 && !edge.lines.is_empty() {
                let height = edge.lines.len() as i32 * LINE;
                label = Some(Rect { left, top: item.y - 4 - height, width: item.width, height });
            }
            pen.line(if at + 1 < through.len() { left + width } else { to.left }, item.y);
        }
        Draft { pen, label }
    }

    /// Out on the right, up, over everything, and down to the left side.
    fn back(&self, edge: &super::graph::Edge, boxes: &[Rect], lanes: &mut Lanes) -> Draft {
        let (from, to) = (boxes[edge.from], boxes[edge.to]);
        let (from_column, to_column) = (self.items[edge.from].column, self.items[edge.to].column);
        let height = edge.lines.len() as i32 * LINE;
        let up = lanes.riser(from_column + 1, self.right_of(Some(from_column)));
        let down = lanes.riser(to_column, self.right_of(to_column.checked_sub(1)));
        let lane = lanes.top;
        lanes.top -= height + GAP;
        let mut pen = Pen::at(from.right(), from.top + PADDING / 2);
        pen.line(up, from.top + PADDING / 2);
        pen.line(up, lane);
        pen.line(down, lane);
        pen.line(down, to.top + PADDING / 2);
        pen.line(to.left, to.top + PADDING / 2);
        let width = text_width(&edge.lines);
        let label = Rect { left: (up + down - width) / 2, top: lane - 4 - height, width, height };
        Draft { pen, label: (!edge.lines.is_empty()).then_some(label) }
    }

    /// Where a column ends, or what is before the first.
    fn right_of(&self, column: Option<usize>) -> i32 {
        column.map_or(-GUTTER, |column| self.places[column].0 + self.places[column].1)
    }
}

fn box_width(lines: &[String]) -> i32 {
    (text_width(lines) + 2 * PADDING).max(5 * CHARACTER)
}

/// An arrow over the head of a box, to itself.
fn itself(edge: &super::graph::Edge, of: Rect) -> Draft {
    let middle = of.left + of.width / 2;
    let side = (of.width / 4).min(20);
    let mut pen = Pen::at(middle + side, of.top);
    pen.curve((middle + side, of.top - LOOP), (middle - side, of.top - LOOP), (middle - side, of.top));
    let (width, height) = (text_width(&edge.lines), edge.lines.len() as i32 * LINE);
    let label = Rect { left: middle - width / 2, top: of.top - LOOP + 2 - height, width, height };
    Draft { pen, label: (!edge.lines.is_empty()).then_some(label) }
}

/// The heights that arrows back have taken, and how many go through each gutter.
struct Lanes {
    top: i32,
    used: Vec<i32>,
}

impl Lanes {
    fn riser(&mut self, gutter: usize, left: i32) -> i32 {
        self.used[gutter] += 1;
        left + self.used[gutter] * RISER
    }
}

/// A path while it is drawn, as points with the letters before them.
struct Pen {
    marks: Vec<(&'static str, i32, i32)>,
}

impl Pen {
    fn at(x: i32, y: i32) -> Pen {
        Pen { marks: vec![("M", x, y)] }
    }

    fn line(&mut self, x: i32, y: i32) {
        if self.marks.last().is_some_and(|(_, here, at)| (*here, *at) == (x, y)) {
            return;
        }
        self.marks.push(("L", x, y));
    }

    fn curve(&mut self, first: (i32, i32), second: (i32, i32), end: (i32, i32)) {
        self.marks.extend([("C", first.0, first.1), ("", second.0, second.1), ("", end.0, end.1)]);
    }

    /// To a point, level at both ends.
    fn bend(&mut self, x: i32, y: i32) {
        let (_, here, at) = *self.marks.last().expect("a pen is somewhere");
        if at == y {
            return self.line(x, y);
        }
        let middle = (here + x) / 2;
        self.curve((middle, at), (middle, y), (x, y));
    }
}

/// An arrow before everything is moved to its last place.
struct Draft {
    pen: Pen,
    label: Option<Rect>,
}

/// Moves everything so that it begins at (0, 0).
fn moved(mut boxes: Vec<Rect>, mut arrows: Vec<Draft>) -> Layout {
    let rects = || boxes.iter().copied().chain(arrows.iter().filter_map(|arrow| arrow.label));
    let marks = || arrows.iter().flat_map(|arrow| &arrow.pen.marks);
    let left = rects().map(|rect| rect.left).chain(marks().map(|mark| mark.1)).min().unwrap_or(0);
    let top = rects().map(|rect| rect.top).chain(marks().map(|mark| mark.2)).min().unwrap_or(0);
    let right = rects().map(|rect| rect.right()).chain(marks().map(|mark| mark.1)).max().unwrap_or(0);
    let bottom = rects().map(|rect| rect.bottom()).chain(marks().map(|mark| mark.2)).max().unwrap_or(0);
    for rect in boxes.iter_mut().chain(arrows.iter_mut().filter_map(|arrow| arrow.label.as_mut())) {
        rect.left -= left;
        rect.top -= top;
    }
    let path = |arrow: Draft| {
        let marks = arrow.pen.marks.iter();
        let marks = marks.map(|(letter, x, y)| format!("{letter}{} {}", x - left, y - top));
        Arrow { path: marks.collect::<Vec<_>>().join(" "), label: arrow.label }
    };
    Layout { boxes, arrows: arrows.into_iter().map(path).collect(), size: (right - left, bottom - top) }
}

#[cfg(test)]
mod tests;
