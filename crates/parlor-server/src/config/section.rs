//! How a section declares its keys once, for reading, for the documentation and for the example file.

/// One key of a section, as the documentation shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// The default as TOML, or `none`.
    pub(super) default: &'static str,
    /// Smallest and largest value as TOML.
    pub(super) range: Option<(&'static str, &'static str)>,
    /// A value as TOML for the example file, where the default shows none.
    pub(super) example: Option<&'static str>,
    pub(super) doc: &'static [&'static str],
}

impl Key {
    /// Whether the key has no value unless one is written.
    pub(super) fn is_optional(&self) -> bool {
        self.default == NONE
    }
}

/// Keys that are declared together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) doc: &'static [&'static str],
    pub(super) keys: &'static [Key],
}

/// What stands for the default of a key that has none.
pub(super) const NONE: &str = "none";

/// Declares a section: a struct with one public field a key.
///
/// A key is `name: Type = default;`, where the default is TOML that the type reads, or `none` for an `Option`. It may go
/// on with `, from LEAST to MOST`, also TOML, and with `, example VALUE`. Its comment is its documentation.
macro_rules! section {
    (
        $(#[doc = $section_doc:literal])+
        $visibility:vis $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $name:ident: $type:ty = $default:expr
                $(, from $least:literal to $most:literal)?
                $(, example $example:expr)?;
            )+
        }
    ) => {
        $(#[doc = $section_doc])+
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $section {
            $($(#[doc = $doc])+ pub $name: $type,)+
        }

        impl $section {
            pub(super) const GROUP: $crate::config::section::Group = $crate::config::section::Group {
                doc: &[$($section_doc),+],
                keys: &Self::KEYS,
            };

            const KEYS: [$crate::config::section::Key; [$(stringify!($name)),+].len()] = [$(
                $crate::config::section::Key {
                    name: stringify!($name),
                    kind: <$type as $crate::config::value::Value>::KIND,
                    default: stringify!($default),
                    range: $crate::config::section::optional!($((stringify!($least), stringify!($most)))?),
                    example: $crate::config::section::optional!($(stringify!($example))?),
                    doc: &[$($doc),+],
                }
            ),+];

            /// Reads the keys that `table` has and takes the others from `base`.
            pub(super) fn read(table: &mut $crate::config::read::Table<'_, '_>, base: &Self) -> Self {
                Self {$(
                    $name: {
                        let value = table.value(stringify!($name), &base.$name);
                        $(table.within(stringify!($name), &value, stringify!($least), stringify!($most));)?
                        value
                    },
                )+}
            }
        }

        impl Default for $section {
            fn default() -> Self {
                Self { $($name: $crate::config::section::default_value!($type, $default),)+ }
            }
        }
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! default_value {
    ($type:ty, $default:expr) => {
        $crate::config::read::declared::<$type>(stringify!($default))
    };
}

pub(super) use {default_value, optional, section};
