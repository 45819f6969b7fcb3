//! The workloads as patterns, and how their matches are hashed.

/// What the patterns read.
pub(crate) const STREAM: &str = "
stream transactions {
    card     string
    amount   decimal(2)
    country  string
    kind     string
    ts       timestamp

    event time ts
}
";

/// Three cheap steps in ten minutes.
pub(crate) const W1: &str = "
pattern w1 {
    on transactions by card
    match all a where amount < 5.00
    then b where amount < 5.00
    then c where amount > 500.00
    within 10m
    emit m { card: card, t1: a.ts, t2: b.ts, t3: c.ts }
}
";

/// A rising streak.
pub(crate) const W2: &str = "
pattern w2 {
    on transactions by card
    match all up{4} strict where amount > prev(amount)
    next x where amount > 500.00
    within 1h
    skip past last
    emit m { card: card, t1: up[0].ts, t2: up[1].ts, t3: up[2].ts, t4: up[3].ts, t5: x.ts }
}
";

/// Impossible travel.
pub(crate) const W3: &str = "
pattern w3 {
    on transactions by card
    match all a
    next b where country != a.country
    within 5m
    emit m { card: card, t1: a.ts, t2: b.ts }
}
";

/// Any later event, joined with the first.
pub(crate) const W4: &str = "
pattern w4 {
    on transactions by card
    match all a where amount > 200.00
    then any b where amount > 200.00
    then any c where amount > 1000.00 and country == a.country
    within 30m
    emit m { card: card, t1: a.ts, t2: b.ts, t3: c.ts }
}
";

/// Something that does not come.
pub(crate) const W5: &str = "
pattern w5 {
    on transactions by card
    match all a where kind == \"pin_change\"
    then not login where kind == \"login\" for 5m
    emit m { card: card, t1: a.ts }
}
";

/// FNV-1a with 64 bits.
pub(crate) fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
