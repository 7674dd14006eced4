package scrub_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"funnelweb/plugins/scrub"
)

// number generates digits of an issuer with the right check digit.
func number(t *rapid.T) string {
	form := rapid.SampledFrom([]struct {
		prefix string
		length int
	}{{"4", 13}, {"4", 16}, {"4", 19}, {"51", 16}, {"55", 16}, {"34", 15}, {"37", 15}}).Draw(t, "form")
	var digits strings.Builder
	digits.WriteString(form.prefix)
	for digits.Len() < form.length-1 {
		digits.WriteByte(byte('0' + rapid.IntRange(0, 9).Draw(t, "digit")))
	}
	for check := byte('0'); check <= '9'; check++ {
		if whole := digits.String() + string(check); checksum(whole) {
			return whole
		}
	}
	panic("no check digit fits")
}

// fours writes digits in groups of four.
func fours(digits, separator string) string {
	var groups []string
	for len(digits) > 4 {
		groups, digits = append(groups, digits[:4]), digits[4:]
	}
	return strings.Join(append(groups, digits), separator)
}

// secret generates a token, or an account as it is printed.
func secret(t *rapid.T) string {
	all := accounts()
	for i, account := range all {
		all[i] = fours(account, " ")
	}
	for _, known := range tokens() {
		all = append(all, known...)
	}
	slices.Sort(all) // what comes from a map has no order, and a failure has to be found again
	return rapid.SampledFrom(all).Draw(t, "secret")
}

func TestNothingSurvivesWhateverIsAroundIt(t *testing.T) {
	noise := rapid.SampledFrom([]string{
		"", " ", "-", "  ", "a", "x", ".", ". ", "1.", "7", "12 ", "2026-", "\"", "\\n", "\u00a0", "é", ":", "078-05-1120", "deadbeef",
		"550e8400-e29b-41d4-a716-446655440000", "44d88612fea8a8f36de82e1278abb02f", "4111 ", "-1111",
	})
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		var secrets []string
		for range rapid.IntRange(1, 4).Draw(rt, "pieces") {
			text.WriteString(noise.Draw(rt, "noise"))
			text.WriteString(noise.Draw(rt, "noise"))
			card := number(rt)
			if separator := rapid.SampledFrom([]string{"", " ", "-"}).Draw(rt, "separator"); separator != "" {
				card = fours(card, separator)
			}
			text.WriteString(card)
			if rapid.Bool().Draw(rt, "with a secret") {
				// Glued to a token in front, it is taken for the rest of that.
				text.WriteString(noise.Draw(rt, "noise") + rapid.SampledFrom([]string{" ", "\n", ":", "\"", "/"}).Draw(rt, "in front"))
				secrets = append(secrets, secret(rt))
				text.WriteString(secrets[len(secrets)-1])
			}
		}
		text.WriteString(noise.Draw(rt, "noise"))
		p := plugin(t, scrub.Config{Cards: true, SSN: true, IBAN: true, Keys: true})
		once, err := scrubbed(t, p, "text/plain", text.String())
		if err != nil {
			rt.Fatal(err)
		}
		if left := surviving(once); left != "" {
			rt.Errorf("%q survived in %q, which was %q", left, once, text.String())
		}
		for _, secret := range secrets {
			if strings.Contains(once, secret) {
				rt.Errorf("%q survived in %q, which was %q", secret, once, text.String())
			}
		}
		if twice, err := scrubbed(t, p, "text/plain", once); err != nil || twice != once {
			rt.Errorf("%q became %q, then %q", text.String(), once, twice)
		}
	})
}
