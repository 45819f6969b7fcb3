//! The formatter over random programs: [`formatting::hold`].

use std::path::Path;

use crate::formatting;
use crate::random::Random;
use crate::report;
use crate::{SHOWN_MAX, next_case};

/// Formats so many programs. Whether all keep what they must.
pub(crate) fn check(seed: u64, numbers: std::ops::Range<u64>) -> bool {
    let count = numbers.end - numbers.start;
    let mut differing = 0;
    for number in numbers {
        let mut random = Random::of_case(seed, number);
        let Some(case) = next_case(&mut random, &mut Default::default()) else { continue };
        let mut texts = vec![case.program.to_string()];
        // Its events as a test: long, and all alike.
        if number.is_multiple_of(10) {
            texts.push(report::case_file(&case));
        }
        let failed = texts.iter().find_map(|text| {
            match formatting::hold(Path::new("case.cep"), text, random.next()) {
                Ok(true) => None,
                Ok(false) => Some(format!("the grammar refuses\n{text}")),
                Err(why) => Some(why),
            }
        });
        if let Some(why) = failed {
            differing += 1;
            if differing <= SHOWN_MAX {
                println!("// case {number}\n{why}");
            }
        }
    }
    println!("oracle: formatted={count} differ={differing}");
    differing == 0
}
