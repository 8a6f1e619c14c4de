use nom::character::complete::char;
use nom::combinator::{opt, recognize};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use super::grammar::word;

/// callid = word [ "@" word ]
pub(crate) fn callid(input: &str) -> IResult<&str, &str> {
    recognize(pair(word, opt(preceded(char('@'), word)))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::grammar::whole;

    #[test]
    fn odd_words_are_call_ids() {
        let odd = "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{";
        assert_eq!(whole(odd, callid), Some(odd));
        assert_eq!(whole("a b", callid), None);
        assert_eq!(whole("", callid), None);
    }
}
