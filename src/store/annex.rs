//! The annex as a CSV file: named agents, one a line, under a header. Read strictly; every fault is named with its line.
//! And the accounts of those it names (A3-3).

use super::{Identity, Store, StoreError, password};
use crate::domain::dossier::{Annex, AnnexPerson};
use crate::domain::{PersonId, Role};
use chrono::NaiveDate;

/// Longest name, characters.
const MAX_NAME_CHARS: usize = 100;

/// One line of the annex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnexLine {
    /// Name as people read it.
    pub name: String,
    /// E-mail address, the log-in.
    pub email: String,
    /// Operator or chief.
    pub role: Role,
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Line in the file, from 1.
    pub line: u64,
    /// Stable code; pages translate it.
    pub code: &'static str,
    /// The value as given, shortened to 80 characters.
    pub value: String,
}

impl std::fmt::Display for LineFault {
    /// For the command line; the pages have these in French and English.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, value } = self;
        match *code {
            "annex-header" => write!(f, "line {line}: \"{value}\": expected the columns name, email and role"),
            "annex-name" => write!(f, "line {line}: \"{value}\": expected a name of 1 to {MAX_NAME_CHARS} characters"),
            "annex-email" => write!(f, "line {line}: \"{value}\": expected an e-mail address"),
            "annex-email-twice" => write!(f, "line {line}: \"{value}\" stands there twice: expected one line a person"),
            "annex-role" => write!(f, "line {line}: \"{value}\": expected agent or chief"),
            "annex-empty" => f.write_str("it names nobody: expected one line a person under the headings"),
            _ => write!(f, "line {line}: cannot be read: {value}"),
        }
    }
}

/// The column that a heading names, in French or English.
fn column(heading: &str) -> Option<usize> {
    match heading.trim().trim_start_matches('\u{feff}').to_lowercase().as_str() {
        "nom" | "name" => Some(0),
        "courriel" | "e-mail" | "email" => Some(1),
        "fonction" | "role" | "rôle" => Some(2),
        _ => None,
    }
}

fn role(word: &str) -> Option<Role> {
    match word.trim().to_lowercase().as_str() {
        "agent" | "operator" => Some(Role::Operator),
        "chef" | "chef de service" | "chief" => Some(Role::Chief),
        _ => None,
    }
}

/// Reads the file: columns `nom`, `courriel`, `fonction` (`agent` or `chef`) in any order, separated by `,` or `;`.
///
/// # Errors
/// Every fault with its line.
pub fn read(text: &str) -> Result<Vec<AnnexLine>, Vec<LineFault>> {
    let first = text.lines().next().unwrap_or_default();
    let separator = if first.contains(';') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(separator).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let fault = |line: u64, code, value: &str| LineFault { line, code, value: value.chars().take(80).collect() };
    let mut places = [None; 3];
    if let Ok(headings) = reader.headers() {
        for (index, heading) in headings.iter().enumerate() {
            if let Some(column) = column(heading) {
                places[column] = Some(index);
            }
        }
    }
    let [Some(name_at), Some(email_at), Some(role_at)] = places else {
        return Err(vec![fault(1, "annex-header", first)]);
    };
    let (mut people, mut faults) = (Vec::<AnnexLine>::new(), Vec::new());
    for row in reader.records() {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.push(fault(line, "annex-line", &error.to_string()));
                continue;
            }
        };
        let line = row.position().map_or(0, csv::Position::line);
        let value = |at: usize| row.get(at).unwrap_or_default();
        let (name, email) = (value(name_at), value(email_at));
        let visible = name.chars().any(|c| c.is_alphanumeric()) && !name.chars().any(char::is_control);
        if !visible || name.chars().count() > MAX_NAME_CHARS {
            faults.push(fault(line, "annex-name", name));
        }
        let whole = email.split_once('@').is_some_and(|(local, host)| !local.is_empty() && host.contains('.'));
        if !whole || email.len() > 254 || email.contains(char::is_whitespace) {
            faults.push(fault(line, "annex-email", email));
        } else if people.iter().any(|other| crate::store::same_email(&other.email, email)) {
            faults.push(fault(line, "annex-email-twice", email));
        }
        match role(value(role_at)) {
            Some(role) => people.push(AnnexLine { name: name.to_owned(), email: email.to_owned(), role }),
            None => faults.push(fault(line, "annex-role", value(role_at))),
        }
    }
    if people.is_empty() && faults.is_empty() {
        faults.push(fault(2, "annex-empty", ""));
    }
    if faults.is_empty() { Ok(people) } else { Err(faults) }
}

/// An annex ready to be signed off.
pub struct Named {
    /// As it will stand in the register.
    pub annex: Annex,
    /// The accounts that were made for it just now.
    pub new: Vec<PersonId>,
}

/// Makes the accounts of those who have none, and the annex of all. `file` is the text that `lines` were read from;
/// its SHA-256 is what the register will hold.
///
/// # Errors
/// [`StoreError`] when the accounts cannot be written.
pub fn name(
    store: &Store,
    file: &str,
    lines: &[AnnexLine],
    version: u32,
    dated: NaiveDate,
) -> Result<Named, StoreError> {
    let sha256 = openssl::sha::sha256(file.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let (people, new) = accounts(store, lines)?;
    let people = people.into_iter().zip(lines).map(|(person, line)| AnnexPerson { person, role: line.role }).collect();
    Ok(Named { annex: Annex { version, dated, sha256, people }, new })
}

/// Takes the new accounts of an annex back that was not signed off: without a place they could log in nowhere, but they
/// would hold their addresses.
///
/// # Errors
/// [`StoreError`] when they cannot be removed.
pub fn forget(store: &Store, new: &[PersonId]) -> Result<(), StoreError> {
    new.iter().try_for_each(|person| store.people().remove(person).map(drop))
}

/// The pseudonyms of these people, in their order, and which of them were made just now. A new account has a password
/// nobody knows: its owner sets one when invited.
fn accounts(store: &Store, lines: &[AnnexLine]) -> Result<(Vec<PersonId>, Vec<PersonId>), StoreError> {
    let (mut people, mut new) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some(known) = store.people().by_email(&line.email)? {
            people.push(known.person);
            continue;
        }
        let person = pseudonym()?;
        store.people().put(&Identity {
            person: person.clone(),
            email: line.email.clone(),
            name: line.name.clone(),
            language: "fr".to_owned(),
            password_hash: password::nobodys()?,
        })?;
        people.push(person.clone());
        new.push(person);
    }
    Ok((people, new))
}

fn random() -> Result<String, StoreError> {
    let mut bytes = [0_u8; 32];
    openssl::rand::rand_bytes(&mut bytes).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A pseudonym that tells nothing about the person.
///
/// # Errors
/// The system has no randomness to give.
pub fn pseudonym() -> Result<PersonId, StoreError> {
    let text = random()?;
    let refused = |_| StoreError::Randomness { why: "a pseudonym could not be drawn".to_owned() };
    format!("p-{}", &text[..12]).parse().map_err(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, email: &str, role: Role) -> AnnexLine {
        AnnexLine { name: name.to_owned(), email: email.to_owned(), role }
    }

    #[test]
    fn a3_3_both_separators_both_languages_and_any_order_of_columns_are_read() {
        let people =
            [line("Camille Roux", "c.roux@ville.fr", Role::Operator), line("Inès M.", "i@ville.fr", Role::Chief)];
        let files = [
            "nom,courriel,fonction\nCamille Roux,c.roux@ville.fr,agent\nInès M.,i@ville.fr,chef\n",
            "\u{feff}Fonction;Courriel;Nom\r\nagent;c.roux@ville.fr;Camille Roux\r\nChef;i@ville.fr;\"Inès M.\"\r\n",
            "name, email, role, remark\nCamille Roux, c.roux@ville.fr, operator, x\nInès M., i@ville.fr, chief",
        ];
        for file in files {
            assert_eq!(read(file).unwrap(), people, "{file}");
        }
    }

    #[test]
    fn a3_3_every_fault_is_named_with_its_line() {
        let codes = |text: &str| -> Vec<(u64, &'static str)> {
            read(text).unwrap_err().into_iter().map(|fault| (fault.line, fault.code)).collect()
        };
        assert_eq!(codes(""), [(1, "annex-header")]);
        assert_eq!(codes("nom,courriel\nA,a@b.fr"), [(1, "annex-header")]);
        assert_eq!(codes("nom,courriel,fonction\n"), [(2, "annex-empty")]);
        let wrong =
            "nom,courriel,fonction\n,a@b.fr,agent\nB,b,agent\nC,c@b.fr,maire\nD,d@b.fr,agent\nE,D@B.fr,agent\nF";
        let expected = [
            (2, "annex-name"),
            (3, "annex-email"),
            (4, "annex-role"),
            (6, "annex-email-twice"),
            (7, "annex-email"),
            (7, "annex-role"),
        ];
        assert_eq!(codes(wrong), expected);
    }
}
