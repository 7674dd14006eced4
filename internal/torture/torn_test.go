package torture

import (
	"math/rand/v2"
	"testing"
)

func tortureByDamage(t *testing.T, random *rand.Rand, trials int) account {
	t.Helper()
	return account{trials: trials}
}
