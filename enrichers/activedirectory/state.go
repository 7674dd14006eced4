package activedirectory

import (
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Bits of userAccountControl and msDS-User-Account-Control-Computed ([MS-ADTS] 2.2.16).
const (
	flagDisabled        = 0x2
	flagLockedOut       = 0x10 // in the computed attribute only
	flagNoPassword      = 0x20
	flagReversible      = 0x80
	flagNeverExpires    = 0x10000
	flagSmartCard       = 0x40000
	flagController      = 0x2000 // SERVER_TRUST_ACCOUNT
	flagDelegation      = 0x80000
	flagNotDelegated    = 0x100000
	flagDESOnly         = 0x200000
	flagNoPreauth       = 0x400000
	flagPasswordExpired = 0x800000 // in the computed attribute only
	flagAnyProtocol     = 0x1000000
)

// setting is what a bit means for whoever judges an alert.
type setting struct {
	bit   int64
	words string
}

// settings returns those worth telling, in the order in which they are told.
func settings() []setting {
	return []setting{
		{flagNeverExpires, "password never expires"},
		{flagNoPassword, "may have an empty password"},
		{flagReversible, "password stored with reversible encryption"},
		{flagSmartCard, "smart card required"},
		{flagNoPreauth, "no Kerberos pre-authentication (its password can be attacked offline)"},
		{flagDESOnly, "DES encryption only"},
	}
}

// state is what may be done with an account now.
type state struct {
	headline string   // "enabled", "disabled", "locked out", …
	details  []string // with the headline as the first
}

// accountState reads all that bears on whether somebody can log on. An unreadable userAccountControl is said so:
// it must not look like an enabled account.
func accountState(entry *ldap.Entry, now time.Time) state {
	control, err := strconv.ParseInt(entry.GetEqualFoldAttributeValue("userAccountControl"), 10, 64)
	if err != nil {
		return state{"in an unknown state", []string{"unknown: the account in bind_dn may not read userAccountControl"}}
	}
	computed, computedErr := strconv.ParseInt(entry.GetEqualFoldAttributeValue("msDS-User-Account-Control-Computed"), 10, 64)
	found := state{headline: "enabled"}
	add := func(headline, words string) {
		if found.headline == "enabled" && headline != "" {
			found.headline = headline
		}
		found.details = append(found.details, words)
	}
	if control&flagDisabled != 0 {
		add("disabled", "disabled")
	}
	expiry := entry.GetEqualFoldAttributeValue("accountExpires")
	expires, limited := fileTime(expiry)
	switch {
	case expiry == "": // every account has it, but not every reader may see it, and a global catalog lacks it
		add("", "whether it expires cannot be read")
	case limited && expires.After(now):
		add("", "expires "+when(expires, now))
	case limited:
		add("expired", "expired "+when(expires, now))
	}
	since, lockedOnce := fileTime(entry.GetEqualFoldAttributeValue("lockoutTime"))
	switch {
	case computedErr == nil && computed&flagLockedOut != 0 && lockedOnce:
		add("locked out", "locked out since "+when(since, now))
	case computedErr == nil && computed&flagLockedOut != 0:
		add("locked out", "locked out")
	case computedErr != nil && lockedOnce:
		add("possibly locked out", "locked out "+when(since, now)+", unless the lock has run out since")
	}
	if !isComputer(entry) { // machines change theirs by themselves
		addPassword(entry, control, computed, now, add)
	}
	for _, one := range settings() {
		if control&one.bit != 0 {
			add("", one.words)
		}
	}
	if control&flagDisabled == 0 {
		found.details = append([]string{"enabled"}, found.details...)
	}
	return found
}

// addPassword tells what the password keeps its owner from. With a smart card it is not asked for.
func addPassword(entry *ldap.Entry, control, computed int64, now time.Time, add func(headline, words string)) {
	if control&(flagNeverExpires|flagSmartCard) != 0 {
		return
	}
	expired, known := fileTime(entry.GetEqualFoldAttributeValue("msDS-UserPasswordExpiryTimeComputed"))
	switch {
	case entry.GetEqualFoldAttributeValue("pwdLastSet") == "0":
		add("", "must change the password at the next logon")
	case computed&flagPasswordExpired != 0 && known && !expired.After(now):
		add("enabled, with an expired password", "password expired "+when(expired, now))
	case computed&flagPasswordExpired != 0:
		add("enabled, with an expired password", "password expired")
	}
}

func (s state) String() string { return strings.Join(s.details, "; ") }
