//! The tree of a query.

use super::span::Span;
use crate::fauna::value::Value;

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
    /// How many levels the tree below it has, itself included.
    pub depth: usize,
}

/// The kinds of expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A literal, an argument, or a value that a function has closed over.
    Value(Value),
    /// A variable or something global.
    Name(String),
    /// The parameter of a short function: what stands before the first dot of `.a`.
    This,
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `{ a: b }`
    Object(Vec<(String, Expr)>),
    /// `{ a; b }`, and a whole query.
    Block(Vec<Statement>),
    /// `if (a) b else c`
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    /// `(a, b) => c`; `_` is a parameter without a name.
    Lambda(Vec<Option<String>>, Box<Expr>),
    /// `.a == 1`: a function of one parameter, [`Kind::This`].
    Short(Box<Expr>),
    /// `-a`, `!a`
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a.b(c)?.d[0]!`
    Chain(Box<Expr>, Vec<Link>),
    /// `a { b, c: .d }`
    Project(Box<Expr>, Vec<(String, Expr)>),
}

/// One statement of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    /// `let a = b`
    Let(String, Expr),
    /// Any expression.
    Expr(Expr),
}

/// One link of a chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// What it is.
    pub kind: LinkKind,
    /// `?.`: when what stands before is null, the chain ends there and is null.
    pub optional: bool,
    /// Where it stands.
    pub span: Span,
}

/// The kinds of links.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkKind {
    /// `.a`
    Field(String),
    /// `.a(b)`
    Call(String, Vec<Expr>),
    /// `(a)`
    Apply(Vec<Expr>),
    /// `[a]`
    Index(Box<Expr>),
    /// `!`: what stands before must exist.
    Bang,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `-`
    Minus,
    /// `!`
    Not,
}

impl UnaryOp {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Minus => "-",
            Self::Not => "!",
        }
    }
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `??`
    Coalesce,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl BinaryOp {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Coalesce => "??",
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// How strongly it binds. All are left-associative.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Coalesce => 0,
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::NotEqual => 3,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 4,
            Self::Add | Self::Subtract => 5,
            Self::Multiply | Self::Divide | Self::Remainder => 6,
        }
    }

    /// Whether it may begin a line: the others would be taken for the begin of the next statement.
    pub fn may_begin_line(self) -> bool {
        matches!(self, Self::Coalesce | Self::Or | Self::And)
    }
}

impl Expr {
    /// An expression of that kind.
    pub fn new(kind: Kind, span: Span) -> Self {
        let depth = 1 + kind.children().map(|child| child.depth).max().unwrap_or(0);
        Self { kind, span, depth }
    }
}

impl Kind {
    /// The expressions right below.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Expr> + '_> {
        match self {
            Self::Value(_) | Self::Name(_) | Self::This => Box::new(std::iter::empty()),
            Self::Array(items) => Box::new(items.iter()),
            Self::Object(members) => Box::new(members.iter().map(|(_, value)| value)),
            Self::Block(statements) => Box::new(statements.iter().map(|statement| match statement {
                Statement::Let(_, value) | Statement::Expr(value) => value,
            })),
            Self::If(condition, then, otherwise) => {
                Box::new([condition, then].into_iter().chain(otherwise).map(Box::as_ref))
            }
            Self::Lambda(_, body) | Self::Short(body) | Self::Unary(_, body) => Box::new(std::iter::once(&**body)),
            Self::Binary(_, left, right) => Box::new([left, right].into_iter().map(Box::as_ref)),
            Self::Chain(base, links) => {
                Box::new(std::iter::once(&**base).chain(links.iter().flat_map(|link| link.kind.arguments())))
            }
            Self::Project(base, members) => {
                Box::new(std::iter::once(&**base).chain(members.iter().map(|(_, value)| value)))
            }
        }
    }
}

impl LinkKind {
    /// The expressions of its arguments.
    pub fn arguments(&self) -> &[Expr] {
        match self {
            Self::Field(_) | Self::Bang => &[],
            Self::Call(_, arguments) | Self::Apply(arguments) => arguments,
            Self::Index(argument) => std::slice::from_ref(argument),
        }
    }
}
