//! Contacts, calls, messages, appointments, accounts.

use stakeout_contract::{
    Kind,
    canary::{Account, Call, Contact, Event, Needle, Sms},
    scenario::PlantSpec,
};

use super::{
    Planting,
    draw::Draw,
    needle,
    words::{FIRST_NAMES, GIVEN_ZH, LAST_NAMES, MAIL_HOSTS, MOBILE_CN, PLANS, PLANS_ZH, ROADS_ZH, SURNAMES_ZH},
};

const MINUTE: i64 = 60_000;
const FOUR_WEEKS: u64 = 28 * 24 * 3600 * 1000;

impl Planting<'_> {
    pub(super) fn people(&mut self, spec: &PlantSpec) {
        for i in 0..spec.contacts {
            let mut d = self.draw(Kind::Contacts, i);
            let (name, phone, email) = (name(&mut d, self.chinese), phone(&mut d, self.chinese), email(&mut d));
            let mut needles = vec![needle(&name)];
            needles.extend(phone.needles());
            needles.push(needle(&email));
            self.canary(Kind::Contacts, &i.to_string(), format!("{}, {}", name.0, phone.typed), needles);
            self.data.contacts.push(Contact { name: name.0, phone: phone.typed, email: email.0 });
        }
        for i in 0..spec.call_log {
            let mut d = self.draw(Kind::CallLog, i);
            // Numbers of the call log are no contact's, so that a number says which of both was read.
            let (phone, at) = (phone(&mut d, self.chinese), self.before(&mut d));
            let kind = d.pick(&["incoming", "outgoing", "missed"]).0;
            let duration_s = if kind == "missed" { 0 } else { 5 + d.below(900) as u32 };
            let mut needles = phone.needles();
            needles.push(needle(&(at.to_string(), 31)));
            self.canary(Kind::CallLog, &i.to_string(), format!("{kind} {}", phone.typed), needles);
            self.data.call_log.push(Call { number: phone.digits, name: String::new(), at_millis: at, duration_s, r#type: kind.to_owned() });
        }
        self.data.call_log.sort_by_key(|c| c.at_millis);
        for i in 0..spec.sms {
            let mut d = self.draw(Kind::Sms, i);
            let (phone, who, code, at) = (phone(&mut d, self.chinese), name(&mut d, self.chinese), d.digits(8), self.before(&mut d));
            let (body, bits) = if self.chinese {
                let ((road, a), (plan, b)) = (d.pick(&ROADS_ZH), d.pick(&PLANS_ZH));
                (format!("{}约你在{road}{plan}，取件码{}", who.0, code.0), a + b)
            } else {
                let (plan, a) = d.pick(&PLANS);
                (format!("{} here, {plan} is moved, door code {}", who.0, code.0), a)
            };
            let body = (body, who.1 + (bits + code.1) as u32);
            let mut needles = vec![needle(&body), Needle { text: code.0, bits: code.1 as u32 }];
            needles.extend(phone.needles());
            self.canary(Kind::Sms, &i.to_string(), body.0.clone(), needles);
            self.data.sms.push(Sms { address: phone.digits, body: body.0, at_millis: at });
        }
        for i in 0..spec.calendar {
            let mut d = self.draw(Kind::Calendar, i);
            let (who, number) = (name(&mut d, self.chinese), d.digits(4));
            let ((plan, a), (road, b)) =
                if self.chinese { (d.pick(&PLANS_ZH), d.pick(&ROADS_ZH)) } else { (d.pick(&PLANS), d.pick(&LAST_NAMES)) };
            let title = (if self.chinese { format!("和{}{plan}", who.0) } else { format!("{plan} with {}", who.0) }, who.1 + a as u32);
            let location =
                (if self.chinese { format!("{road}{}号", number.0) } else { format!("{} {road} Street", number.0) }, (b + number.1) as u32);
            // In the four weeks after the begin.
            let at = self.start_millis + (d.below(FOUR_WEEKS) as i64 / (15 * MINUTE)) * 15 * MINUTE;
            self.canary(Kind::Calendar, &i.to_string(), format!("{}, {}", title.0, location.0), vec![needle(&title), needle(&location)]);
            self.data.calendar.push(Event { title: title.0, location: location.0, at_millis: at });
        }
        for i in 0..spec.accounts {
            let mut d = self.draw(Kind::Accounts, i);
            let email = email(&mut d);
            self.canary(Kind::Accounts, &i.to_string(), email.0.clone(), vec![needle(&email)]);
            self.data.accounts.push(Account { r#type: "com.google".to_owned(), name: email.0 });
        }
    }

    /// A moment in the four weeks before the begin, at least a minute before it.
    fn before(&self, d: &mut Draw) -> i64 {
        self.start_millis - MINUTE - d.below(FOUR_WEEKS) as i64
    }
}

/// A full name and its bits.
pub(super) fn name(d: &mut Draw, chinese: bool) -> (String, u32) {
    if chinese {
        let ((a, x), (b, y), (c, z)) = (d.pick(&SURNAMES_ZH), d.pick(&GIVEN_ZH), d.pick(&GIVEN_ZH));
        return (format!("{a}{b}{c}"), (x + y + z) as u32);
    }
    let ((a, x), (m, y), (b, z)) = (d.pick(&FIRST_NAMES), d.text("ABCDEFGHJKLMNPRSTVW", 1), d.pick(&LAST_NAMES));
    (format!("{a} {m}. {b}"), (x + y + z) as u32)
}

/// A mobile number in the forms in which a device may give it.
pub(super) struct Phone {
    /// As its owner typed it.
    pub(super) typed: String,
    /// National digits.
    pub(super) digits: String,
    /// With country code.
    pub(super) international: String,
    pub(super) bits: u32,
}

impl Phone {
    /// With its country code, from which the detector makes every national form but that with a trunk zero.
    pub(super) fn needles(&self) -> Vec<Needle> {
        let forms = [Some(&self.international), Some(&self.digits).filter(|d| d.starts_with('0'))];
        forms.into_iter().flatten().map(|text| Needle { text: text.clone(), bits: self.bits }).collect()
    }
}

pub(super) fn phone(d: &mut Draw, chinese: bool) -> Phone {
    if chinese {
        let ((prefix, a), (rest, b)) = (d.pick(&MOBILE_CN), d.digits(8));
        let (x, y) = rest.split_at(4);
        let typed = match d.below(4) {
            0 => format!("+86 {prefix} {x} {y}"),
            1 => format!("{prefix}-{x}-{y}"),
            2 => format!("{prefix} {x} {y}"),
            _ => format!("{prefix}{rest}"),
        };
        return Phone { typed, digits: format!("{prefix}{rest}"), international: format!("+86{prefix}{rest}"), bits: (a + b) as u32 };
    }
    let (rest, bits) = d.digits(9);
    let typed = match d.below(3) {
        0 => format!("+44 7{} {}", &rest[..3], &rest[3..]),
        1 => format!("07{} {}", &rest[..3], &rest[3..]),
        _ => format!("07{rest}"),
    };
    Phone { typed, digits: format!("07{rest}"), international: format!("+447{rest}"), bits: bits as u32 }
}

/// An address and its bits. The hosts end in `.example` (RFC 2606), so that nobody's mail is made up.
pub(super) fn email(d: &mut Draw) -> (String, u32) {
    let ((local, a), (host, b)) = (d.text("abcdefghijkmnpqrstuvwxyz23456789", 11), d.pick(&MAIL_HOSTS));
    (format!("{local}@{host}"), (a + b) as u32)
}
