//! What a call requires of its agent: a boolean expression over skills with levels, and its normal form.
//!
//! People write `kk >= 2 and (cards or loans) and not trainee`. [`Expression`] is that text, understood; names are
//! still names, so that a flow can fill variables in. [`Requirement`] is what is left of it once skills are numbers: a
//! set of alternatives, each a range of levels per skill, none of them contained in another. Texts that differ only in
//! order, brackets or repetition become one requirement, so their calls form one class.
//!
//! A skill has a level from 1 to 100; who doesn't have it stands at 0. `cards` alone means `cards >= 1`.

use crate::ids::SkillId;
use crate::limits::{ALTERNATIVES_MAX, REQUIREMENT_DEPTH_MAX, REQUIRES_MAX};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The highest level of a skill.
pub const LEVEL_MAX: u8 = 100;
/// The level of a skill that is named without one: he has it, and nothing more is said.
pub const LEVEL_DEFAULT: u8 = 1;

/// An expression over skills as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression<N> {
    /// The skill, at this level or a higher one.
    Has {
        /// The skill.
        skill: N,
        /// 1 to [`LEVEL_MAX`].
        level: u8,
    },
    /// Not that.
    Not(Box<Expression<N>>),
    /// All of these.
    All(Vec<Expression<N>>),
    /// At least one of these.
    Any(Vec<Expression<N>>),
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// Bytes from the start of the text.
    pub at: usize,
    /// What, with its cure.
    pub message: String,
}

impl Expression<String> {
    /// Reads `a and (b >= 2 or not c)`: `not` binds closest, then `and`, then `or`. Names are letters, digits and
    /// `- _ . : +`, with `{variables}` in them where a flow fills them in.
    ///
    /// # Errors
    /// The first mistake: an unknown sign, a missing name or bracket, a level outside 1 to 100, more than
    /// [`REQUIRES_MAX`] skills, brackets deeper than [`REQUIREMENT_DEPTH_MAX`], more than [`ALTERNATIVES_MAX`]
    /// alternatives, or an expression that contradicts itself.
    pub fn parse(text: &str) -> Result<Expression<String>, Mistake> {
        let mut parser = Parser { text, at: 0, skills: 0 };
        let expression = parser.any(0)?;
        let at = parser.at;
        match parser.next()? {
            None => {}
            Some(Token::Close) => return Err(mistake(at, "this `)` closes nothing: take it out")),
            Some(_) => return Err(mistake(at, "write `and` or `or` between two skills")),
        }
        if expression.alternatives(false) > ALTERNATIVES_MAX {
            let message = format!(
                "written without brackets these are more than {ALTERNATIVES_MAX} alternatives: \
                 take fewer"
            );
            return Err(mistake(0, message));
        }
        if expression.normal(false).is_empty() {
            return Err(mistake(0, "it contradicts itself: no agent could ever fit"));
        }
        Ok(expression)
    }
}

impl<N> Expression<N> {
    /// The same with other names.
    ///
    /// # Errors
    /// The first that `name` gives.
    pub fn try_map<M, E>(
        self,
        name: &mut impl FnMut(N) -> Result<M, E>,
    ) -> Result<Expression<M>, E> {
        let mut all = |parts: Vec<Expression<N>>| {
            parts.into_iter().map(|part| part.try_map(name)).collect::<Result<Vec<_>, E>>()
        };
        Ok(match self {
            Expression::All(parts) => Expression::All(all(parts)?),
            Expression::Any(parts) => Expression::Any(all(parts)?),
            Expression::Not(part) => Expression::Not(Box::new(part.try_map(name)?)),
            Expression::Has { skill, level } => Expression::Has { skill: name(skill)?, level },
        })
    }

    /// Every skill that it names, from left to right.
    pub fn skills(&self) -> Vec<&N> {
        match self {
            Expression::Has { skill, .. } => vec![skill],
            Expression::Not(part) => part.skills(),
            Expression::All(parts) | Expression::Any(parts) => {
                parts.iter().flat_map(Expression::skills).collect()
            }
        }
    }

    /// How many alternatives there are at most, once it is written without brackets.
    fn alternatives(&self, negated: bool) -> usize {
        let parts = |parts: &[Expression<N>], sum: bool| {
            let counts = parts.iter().map(|part| part.alternatives(negated));
            if sum {
                counts.fold(0, usize::saturating_add)
            } else {
                counts.fold(1, usize::saturating_mul)
            }
        };
        match self {
            Expression::Has { .. } => 1,
            Expression::Not(part) => part.alternatives(!negated),
            Expression::All(list) => parts(list, negated),
            Expression::Any(list) => parts(list, !negated),
        }
    }
}

impl<N: Ord + Clone> Expression<N> {
    /// Its alternatives, `not`s pushed down to the skills (De Morgan).
    fn normal(&self, negated: bool) -> BTreeSet<Alternative<N>> {
        match self {
            Expression::Has { skill, level } => {
                let range = if negated { (0, level - 1) } else { (*level, LEVEL_MAX) };
                BTreeSet::from([BTreeMap::from([(skill.clone(), range)])])
            }
            Expression::Not(part) => part.normal(!negated),
            Expression::All(parts) | Expression::Any(parts) => {
                let sides = parts.iter().map(|part| part.normal(negated));
                if matches!(self, Expression::Any(_)) == negated {
                    let everybody = BTreeSet::from([BTreeMap::new()]);
                    sides.fold(everybody, |all, side| least(both(&all, &side)))
                } else {
                    least(sides.flatten().collect())
                }
            }
        }
    }
}

impl<N: fmt::Display> fmt::Display for Expression<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Expression<N>], word: &str| {
            for (at, part) in parts.iter().enumerate() {
                f.write_str(if at == 0 { "" } else { word })?;
                match part {
                    Expression::All(_) | Expression::Any(_) => write!(f, "({part})")?,
                    Expression::Has { .. } | Expression::Not(_) => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Expression::Has { skill, level: LEVEL_DEFAULT } => write!(f, "{skill}"),
            Expression::Has { skill, level } => write!(f, "{skill} >= {level}"),
            Expression::Not(part) => match &**part {
                Expression::All(_) | Expression::Any(_) => write!(f, "not ({part})"),
                Expression::Has { .. } | Expression::Not(_) => write!(f, "not {part}"),
            },
            Expression::All(parts) => join(f, parts, " and "),
            Expression::Any(parts) => join(f, parts, " or "),
        }
    }
}

/// One way to fit: for each skill that matters, the lowest and the highest level.
type Alternative<N> = BTreeMap<N, (u8, u8)>;

/// Whether whoever fits `one` fits `other` too.
fn within<N: Ord>(one: &Alternative<N>, other: &Alternative<N>) -> bool {
    other.iter().all(|(skill, (low, high))| {
        one.get(skill).is_some_and(|(from, to)| from >= low && to <= high)
    })
}

/// Without those that are contained in another.
fn least<N: Ord + Clone>(all: BTreeSet<Alternative<N>>) -> BTreeSet<Alternative<N>> {
    let needless =
        |one: &Alternative<N>| all.iter().any(|other| other != one && within(one, other));
    all.iter().filter(|one| !needless(one)).cloned().collect()
}

/// Whoever fits one of these and one of those.
fn both<N: Ord + Clone>(
    these: &BTreeSet<Alternative<N>>,
    those: &BTreeSet<Alternative<N>>,
) -> BTreeSet<Alternative<N>> {
    let pairs = these.iter().flat_map(|this| those.iter().map(move |that| (this, that)));
    let meet = |(this, that): (&Alternative<N>, &Alternative<N>)| {
        let mut met = this.clone();
        for (skill, (low, high)) in that {
            let range = met.entry(skill.clone()).or_insert((0, LEVEL_MAX));
            *range = (range.0.max(*low), range.1.min(*high));
            if range.0 > range.1 {
                return None;
            }
        }
        Some(met)
    };
    pairs.filter_map(meet).collect()
}

/// What a call requires, in normal form: equal requirements are equal values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    alternatives: BTreeSet<Alternative<SkillId>>,
}

impl Default for Requirement {
    fn default() -> Requirement {
        Requirement::anyone()
    }
}

impl Requirement {
    /// Nothing is required.
    pub fn anyone() -> Requirement {
        Requirement { alternatives: BTreeSet::from([BTreeMap::new()]) }
    }

    /// All of these skills, at any level.
    pub fn all_of(skills: impl IntoIterator<Item = SkillId>) -> Requirement {
        let any_level = |skill| (skill, (LEVEL_DEFAULT, LEVEL_MAX));
        Requirement { alternatives: BTreeSet::from([skills.into_iter().map(any_level).collect()]) }
    }

    /// What an expression says, its names looked up by `skill`.
    pub fn of<N: Clone>(
        expression: &Expression<N>,
        mut skill: impl FnMut(&N) -> SkillId,
    ) -> Requirement {
        let mut find = |name: N| Ok::<_, std::convert::Infallible>(skill(&name));
        let Ok(numbered) = expression.clone().try_map(&mut find);
        Requirement { alternatives: numbered.normal(false) }
    }

    /// Whether somebody with these skills and levels fits.
    pub fn met_by(&self, skills: &BTreeMap<SkillId, u8>) -> bool {
        let fits = |(skill, (low, high)): (&SkillId, &(u8, u8))| {
            (*low..=*high).contains(&skills.get(skill).copied().unwrap_or(0))
        };
        self.alternatives.iter().any(|alternative| alternative.iter().all(fits))
    }

    /// The same without these skills: whatever was asked of them is asked no more.
    pub fn without(&self, skills: &BTreeSet<SkillId>) -> Requirement {
        let keep = |alternative: &Alternative<SkillId>| {
            let kept = alternative.iter().filter(|(skill, _)| !skills.contains(skill));
            kept.map(|(skill, range)| (*skill, *range)).collect()
        };
        Requirement { alternatives: least(self.alternatives.iter().map(keep).collect()) }
    }

    /// How many skills its alternatives name, counted once each.
    pub fn skills_len(&self) -> usize {
        self.alternatives.iter().flat_map(BTreeMap::keys).collect::<BTreeSet<_>>().len()
    }

    /// As people read it, with the names of skills; `anyone` when nothing is required.
    pub fn to_text(&self, name: impl Fn(SkillId) -> String) -> String {
        let range = |(skill, (low, high)): (&SkillId, &(u8, u8))| {
            let name = name(*skill);
            match (*low, *high) {
                (0, 0) => format!("not {name}"),
                (0, high) => format!("not {name} >= {}", high + 1),
                (LEVEL_DEFAULT, LEVEL_MAX) => name,
                (low, LEVEL_MAX) => format!("{name} >= {low}"),
                (low, high) => format!("{name} >= {low} and not {name} >= {}", high + 1),
            }
        };
        let one = |alternative: &Alternative<SkillId>| {
            alternative.iter().map(range).collect::<Vec<_>>().join(" and ")
        };
        let all: Vec<String> = self.alternatives.iter().map(one).collect();
        match &all[..] {
            [] => "nobody".to_owned(),
            [only] if only.is_empty() => "anyone".to_owned(),
            _ => all.join(" or "),
        }
    }
}

// ---- reading --------------------------------------------------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Open,
    Close,
    AtLeast,
    Word(&'t str),
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    skills: usize,
}

fn mistake(at: usize, message: impl Into<String>) -> Mistake {
    Mistake { at, message: message.into() }
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Result<Option<Token<'t>>, Mistake> {
        Parser { text: self.text, at: self.at, skills: 0 }.next()
    }

    fn next(&mut self) -> Result<Option<Token<'t>>, Mistake> {
        self.skip_spaces();
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(None) };
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '>' if rest.starts_with(">=") => (Token::AtLeast, 2),
            _ => {
                let length = word_len(rest);
                if length == 0 {
                    let message = format!(
                        "`{first}` has no meaning here: there are and, or, not, ( ), >= and names"
                    );
                    return Err(mistake(self.at, message));
                }
                (Token::Word(&rest[..length]), length)
            }
        };
        self.at += length;
        Ok(Some(token))
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// Whether the next word is this one; it is read over then.
    fn takes(&mut self, word: &str) -> Result<bool, Mistake> {
        let is = self.peek()? == Some(Token::Word(word));
        if is {
            self.next()?;
        }
        Ok(is)
    }

    fn any(&mut self, depth: usize) -> Result<Expression<String>, Mistake> {
        let mut parts = vec![self.all(depth)?];
        while self.takes("or")? {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() > 1 { Expression::Any(parts) } else { parts.remove(0) })
    }

    fn all(&mut self, depth: usize) -> Result<Expression<String>, Mistake> {
        let mut parts = vec![self.one(depth)?];
        while self.takes("and")? {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() > 1 { Expression::All(parts) } else { parts.remove(0) })
    }

    fn one(&mut self, depth: usize) -> Result<Expression<String>, Mistake> {
        self.skip_spaces();
        let at = self.at;
        if depth > REQUIREMENT_DEPTH_MAX {
            let message = format!("brackets and `not`s at most {REQUIREMENT_DEPTH_MAX} deep");
            return Err(mistake(at, message));
        }
        match self.next()? {
            Some(Token::Word("not")) => Ok(Expression::Not(Box::new(self.one(depth + 1)?))),
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                match self.next()? {
                    Some(Token::Close) => Ok(inner),
                    _ => Err(mistake(at, "this `(` is not closed: add `)`")),
                }
            }
            Some(Token::Word(word)) if !["and", "or"].contains(&word) => self.skill(at, word),
            _ => Err(mistake(at, "a skill is missing here")),
        }
    }

    fn skill(&mut self, at: usize, name: &str) -> Result<Expression<String>, Mistake> {
        self.skills += 1;
        if self.skills > REQUIRES_MAX {
            return Err(mistake(at, format!("at most {REQUIRES_MAX} skills")));
        }
        let skill = name.to_owned();
        if self.peek()? != Some(Token::AtLeast) {
            return Ok(Expression::Has { skill, level: LEVEL_DEFAULT });
        }
        self.next()?;
        self.skip_spaces();
        let at = self.at;
        let level = match self.next()? {
            Some(Token::Word(word)) => word.parse().ok(),
            _ => None,
        };
        match level {
            Some(level @ 1..=LEVEL_MAX) => Ok(Expression::Has { skill, level }),
            _ => Err(mistake(at, format!("a level stands here, from 1 to {LEVEL_MAX}"))),
        }
    }
}

/// How many bytes the name at the start of the text has; in braces anything goes.
fn word_len(text: &str) -> usize {
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            _ if inside || c.is_alphanumeric() || "-_.:+".contains(c) => {}
            _ => return at,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = ["kk", "cards", "loans", "trainee"];

    fn requirement(text: &str) -> Requirement {
        let expression = Expression::parse(text).unwrap_or_else(|m| panic!("{text}: {m:?}"));
        let number = |name: &String| NAMES.iter().position(|known| known == name).unwrap();
        Requirement::of(&expression, |name| SkillId(u16::try_from(number(name)).unwrap()))
    }

    fn somebody(levels: [u8; 4]) -> BTreeMap<SkillId, u8> {
        (0..).map(SkillId).zip(levels).filter(|(_, level)| *level > 0).collect()
    }

    #[test]
    fn levels_and_words_mean_what_they_say() {
        let text = "kk >= 2 and (cards or loans) and not trainee";
        for (levels, fits) in [
            ([2, 1, 0, 0], true),
            ([100, 0, 1, 0], true),
            ([1, 1, 1, 0], false),
            ([2, 0, 0, 0], false),
            ([2, 1, 0, 1], false),
        ] {
            assert_eq!(requirement(text).met_by(&somebody(levels)), fits, "{levels:?}");
        }
        let below = requirement("not kk >= 3");
        assert!(below.met_by(&somebody([2, 0, 0, 0])) && !below.met_by(&somebody([3, 0, 0, 0])));
    }

    #[test]
    fn the_same_said_otherwise_is_the_same_requirement() {
        for (one, other) in [
            ("kk and cards", "cards and kk and kk"),
            ("kk and (cards or loans)", "loans and kk or (kk and cards)"),
            ("not (kk or cards)", "not cards and not kk"),
            ("kk >= 2 and kk >= 5", "kk >= 5"),
            ("kk or kk and cards", "kk"),
            ("not not kk", "kk >= 1"),
        ] {
            assert_eq!(requirement(one), requirement(other), "{one} | {other}");
        }
        assert_ne!(requirement("kk >= 2"), requirement("kk"));
    }

    #[test]
    fn every_combination_of_levels_agrees_with_the_expression_itself() {
        fn holds(expression: &Expression<String>, levels: &BTreeMap<SkillId, u8>) -> bool {
            match expression {
                Expression::Has { skill, level } => {
                    let at = NAMES.iter().position(|name| name == skill).unwrap();
                    let has = levels.get(&SkillId(u16::try_from(at).unwrap())).copied();
                    has.unwrap_or(0) >= *level
                }
                Expression::Not(part) => !holds(part, levels),
                Expression::All(parts) => parts.iter().all(|part| holds(part, levels)),
                Expression::Any(parts) => parts.iter().any(|part| holds(part, levels)),
            }
        }
        for text in [
            "kk >= 2 and (cards or loans) and not trainee",
            "not (kk >= 2 and (cards or not loans >= 3)) or trainee",
            "(kk or cards) and (loans or trainee) and not (kk >= 3 and trainee >= 2)",
        ] {
            let expression = Expression::parse(text).unwrap();
            let normal = requirement(text);
            for n in 0..256u32 {
                let levels = [0, 2, 4, 6].map(|bit| u8::try_from(n >> bit & 3).unwrap());
                let levels = somebody(levels);
                assert_eq!(
                    normal.met_by(&levels),
                    holds(&expression, &levels),
                    "{text} {levels:?}"
                );
            }
        }
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        let deep = "(".repeat(REQUIREMENT_DEPTH_MAX + 2);
        let many = vec!["kk"; REQUIRES_MAX + 1].join(" and ");
        let wide = ["(a or b)"; 8].join(" and ");
        for (text, at, says) in [
            ("", 0, "a skill is missing here"),
            ("kk and", 6, "a skill is missing here"),
            ("kk cards", 2, "write `and` or `or` between two skills"),
            ("kk >= 101", 6, "a level stands here, from 1 to 100"),
            ("kk >= 0", 6, "a level stands here, from 1 to 100"),
            ("(kk or cards", 0, "this `(` is not closed: add `)`"),
            ("kk)", 2, "this `)` closes nothing: take it out"),
            ("kk & cards", 3, "`&` has no meaning here: there are and, or, not, ( ), >= and names"),
            ("kk and not kk", 0, "it contradicts itself: no agent could ever fit"),
            (&deep, REQUIREMENT_DEPTH_MAX + 1, "brackets and `not`s at most 8 deep"),
            (&many, 7 * REQUIRES_MAX, "at most 16 skills"),
            (&wide, 0, "written without brackets these are more than 64 alternatives: take fewer"),
        ] {
            let found = Expression::parse(text).expect_err(text);
            assert_eq!((found.at, found.message.as_str()), (at, says), "{text}");
        }
    }

    #[test]
    fn it_is_written_as_it_can_be_read() {
        let name = |skill: SkillId| NAMES[usize::from(skill.0)].to_owned();
        for text in ["kk >= 2 and (cards or loans) and not trainee", "not (kk or cards >= 3)"] {
            let shown = Expression::parse(text).unwrap().to_string();
            assert_eq!(shown, text);
            let again = requirement(text).to_text(name);
            assert_eq!(requirement(&again), requirement(text), "{again}");
        }
        assert_eq!(Requirement::anyone().to_text(name), "anyone");
        assert_eq!(Expression::parse("lang:{lang} >= 2").unwrap().to_string(), "lang:{lang} >= 2");
    }

    #[test]
    fn a_skill_that_is_dropped_is_asked_of_nobody() {
        let drop = BTreeSet::from([SkillId(1), SkillId(2)]);
        let relaxed = requirement("kk >= 2 and (cards or loans)").without(&drop);
        assert_eq!(relaxed, requirement("kk >= 2"));
        assert_eq!(relaxed.without(&BTreeSet::from([SkillId(0)])), Requirement::anyone());
    }
}
