package directory

import "strconv"

// The bits of msDS-User-Account-Control-Computed that the server works out ([MS-ADTS] 3.1.1.4.5.17).
const (
	bitLockedOut       = 0x10
	bitPasswordExpired = 0x800000
)

func (d *domain) control(e *entry) uint64 {
	bits, _ := strconv.ParseUint(e.first("userAccountControl"), 10, 32) // 0 when it has none
	return bits
}

func (d *domain) locked(e *entry) bool {
	_, locked := fromFileTime(e.first("lockoutTime"))
	return locked // until somebody unlocks it: see lockoutDuration
}

func (d *domain) expired(e *entry) bool {
	value := e.first("accountExpires")
	at, ok := fromFileTime(value)
	return ok && value != neverExpires && at.Before(d.now())
}

// exempt reports whether the account's password may be of any age.
func (d *domain) exempt(e *entry) bool {
	const smartCard = 0x40000
	return d.control(e)&(PasswordNeverExpires|smartCard|WorkstationAccount) != 0
}

func (d *domain) passwordExpired(e *entry) bool {
	if d.exempt(e) || len(e.all("pwdLastSet")) == 0 {
		return false
	}
	set, ok := fromFileTime(e.first("pwdLastSet"))
	return !ok || set.Add(maxPasswordAge).Before(d.now())
}

// passwordExpiry is when the password expires: never for those that are exempt, 0 where it must be changed first ([MS-ADTS]
// 3.1.1.4.5.31).
func (d *domain) passwordExpiry(e *entry) string {
	if d.exempt(e) {
		return neverExpires
	}
	set, ok := fromFileTime(e.first("pwdLastSet"))
	if !ok {
		return "0"
	}
	return fileTime(set.Add(maxPasswordAge))
}

// computed returns the values of a computed attribute.
func (d *domain) computed(e *entry, name string) []string {
	if name == "tokenGroups" {
		return d.tokenGroups(e)
	}
	if len(e.all("userAccountControl")) == 0 {
		return nil
	}
	if name == expiryComputed {
		return []string{d.passwordExpiry(e)}
	}
	var bits int64
	if d.locked(e) {
		bits |= bitLockedOut
	}
	if d.passwordExpired(e) {
		bits |= bitPasswordExpired
	}
	return []string{strconv.FormatInt(bits, 10)}
}

// tokenGroups are the SIDs of all groups that an account is in: its primary group, those that list it, and those that
// list these ([MS-ADTS] 3.1.1.4.5.19).
func (d *domain) tokenGroups(e *entry) []string {
	var sids []string
	seen := map[string]bool{e.id: true}
	next := d.targets(e, "memberOf")
	for _, one := range d.order {
		if rid, err := strconv.ParseUint(e.first("primaryGroupID"), 10, 32); err == nil && one.first("objectSid") == d.sid(uint32(rid)) {
			next = append(next, one.id)
		}
	}
	for ; len(next) > 0; next = next[1:] {
		group, there := d.entries[next[0]]
		if !there || seen[group.id] {
			continue
		}
		seen[group.id] = true
		sids = append(sids, group.first("objectSid"))
		next = append(next, d.targets(group, "memberOf")...)
	}
	return sids
}
