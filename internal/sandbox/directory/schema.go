package directory

import "strings"

// syntax says how the values of an attribute are compared.
type syntax int

const (
	text     syntax = iota // without regard to case
	integer                // 64 bits, signed
	dn                     // a distinguished name
	category               // a DN in the schema, for which a filter may give the short name of a class
	octets                 // bytes
	sid                    // bytes that a filter may give as S-1-…
)

// attributeType is what the schema knows of an attribute.
type attributeType struct {
	name   string // as Active Directory writes it
	syntax syntax
	// A computed attribute has values only where it is asked for by name; it cannot be searched for.
	computed bool
}

// schema holds the attributes that exist, by their names in lower case: the part of Active Directory's schema ([MS-ADA1]
// to [MS-ADA3]) that entries here use or that people search for. Any other is undefined to a filter.
type schema map[string]attributeType

func newSchema() schema {
	types := schema{}
	for kind, names := range map[syntax]string{
		text: `c cn co comment company configurationNamingContext currentTime dc defaultNamingContext department description
			displayName division dNSHostName dnsRoot employeeID employeeNumber employeeType facsimileTelephoneNumber
			givenName homeDirectory homePhone info initials ipPhone l mail mailNickname mobile name namingContexts
			nETBIOSName objectClass operatingSystem operatingSystemVersion ou pager physicalDeliveryOfficeName postalCode
			profilePath proxyAddresses rootDomainNamingContext sAMAccountName schemaNamingContext scriptPath
			servicePrincipalName sn st streetAddress supportedCapabilities supportedControl supportedExtension
			supportedLDAPVersion telephoneNumber title uid userPrincipalName userWorkstations whenChanged whenCreated
			wWWHomePage`,
		integer: `accountExpires adminCount badPasswordTime badPwdCount codePage countryCode groupType instanceType
			lastLogoff lastLogon lastLogonTimestamp lockoutDuration lockoutThreshold lockoutTime logonCount maxPwdAge
			minPwdLength primaryGroupID pwdLastSet sAMAccountType systemFlags userAccountControl uSNChanged uSNCreated`,
		dn:       `directReports distinguishedName managedBy managedObjects manager member memberOf nCName`,
		category: `objectCategory`,
		octets:   `jpegPhoto objectGUID thumbnailPhoto userCertificate`,
		sid:      `objectSid sIDHistory`,
	} {
		for name := range strings.FieldsSeq(names) {
			types[strings.ToLower(name)] = attributeType{name: name, syntax: kind}
		}
	}
	types["tokengroups"] = attributeType{name: "tokenGroups", syntax: sid, computed: true}
	types[strings.ToLower(controlComputed)] = attributeType{name: controlComputed, syntax: integer, computed: true}
	types[strings.ToLower(expiryComputed)] = attributeType{name: expiryComputed, syntax: integer, computed: true}
	return types
}

// controlComputed is the attribute with the bits of the account's state that the server works out.
const controlComputed = "msDS-User-Account-Control-Computed"

// expiryComputed is the attribute with the time at which the password of the account expires.
const expiryComputed = "msDS-UserPasswordExpiryTimeComputed"

// class is what the schema knows of a class of objects.
type class struct {
	above    []string // its superclasses, from the top
	category string   // the CN of its default object category
}

// classOf looks a class up by its short name, without regard to case.
func classOf(name string) (class, bool) {
	person := []string{"top", "person", "organizationalPerson"}
	classes := map[string]class{
		"person":             {person[:1], "Person"},
		"user":               {person, "Person"},
		"computer":           {append(person, "user"), "Computer"},
		"group":              {person[:1], "Group"},
		"organizationalunit": {person[:1], "Organizational-Unit"},
		"container":          {person[:1], "Container"},
		"builtindomain":      {person[:1], "Builtin-Domain"},
		"domaindns":          {[]string{"top", "domain"}, "Domain-DNS"},
		"configuration":      {person[:1], "Configuration"},
		"crossref":           {person[:1], "Cross-Ref"},
	}
	found, ok := classes[strings.ToLower(name)]
	return found, ok
}

// backLinks are the attributes that the server keeps as the other side of one that is set ([MS-ADTS] 3.1.1.1.6).
func backLinks() map[string]string {
	return map[string]string{"member": "memberOf", "manager": "directReports", "managedBy": "managedObjects"}
}
