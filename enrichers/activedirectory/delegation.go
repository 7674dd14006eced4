package activedirectory

import (
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"funnelweb/framework"
)

// maxServices bounds how many services of a delegation are named.
const maxServices = 5

// delegation tells whom an account may pass itself off as, and where ([MS-SFU] 1.3): who takes the account over may do so too.
func delegation(entry *ldap.Entry) string {
	control, _ := strconv.ParseInt(entry.GetEqualFoldAttributeValue("userAccountControl"), 10, 64) // 0 when it may not be read: the state says so
	var words []string
	if control&flagDelegation != 0 {
		text := "unconstrained: may act as whoever signs in to it, at any service"
		if control&flagController != 0 {
			text += " (as every domain controller may)"
		}
		words = append(words, text)
	}
	if services, all := values(entry, "msDS-AllowedToDelegateTo"); len(services) > 0 {
		who := "whoever signs in to it"
		if control&flagAnyProtocol != 0 {
			who = "anybody, without their sign-in"
		}
		words = append(words, "constrained: may act as "+who+", at "+few(services, maxServices)+" (services: "+count(services, all)+")")
	}
	if others, _ := values(entry, "msDS-AllowedToActOnBehalfOfOtherIdentity"); len(others) > 0 {
		words = append(words, "resource-based: accounts that it names may act as anybody towards it")
	}
	if control&flagNotDelegated != 0 {
		words = append(words, "nobody may act as this account (sensitive)")
	}
	return strings.Join(words, "; ")
}

// values returns those of an attribute, and whether they are all: a domain controller gives at most 1,500 at once, as
// name;range=0-1499 ([MS-ADTS] 3.1.1.3.1.3.3).
func values(entry *ldap.Entry, attribute string) (found []string, all bool) {
	all = true
	for _, one := range entry.Attributes {
		name, option, _ := strings.Cut(strings.ToLower(one.Name), ";range=")
		if name == strings.ToLower(attribute) {
			found = append(found, one.Values...)
			all = all && (option == "" || strings.HasSuffix(option, "*"))
		}
	}
	return found, all
}

func count(texts []string, all bool) string {
	if !all {
		return "at least " + strconv.Itoa(len(texts))
	}
	return strconv.Itoa(len(texts))
}

// few writes the first few texts.
func few(texts []string, most int) string {
	var shown []string
	for _, text := range texts[:min(len(texts), most)] {
		shown = append(shown, framework.Line(text, maxText))
	}
	if len(texts) > most {
		shown = append(shown, "…")
	}
	return strings.Join(shown, ", ")
}
