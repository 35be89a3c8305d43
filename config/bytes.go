package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes. Its text is a whole number and a unit: B, KiB, MiB
// and GiB, which are powers of 1024, or KB, MB and GB, which are powers of 1000.
// The case of the unit does not matter, and without one it is bytes.
type Bytes int64

// byteUnits holds what UnmarshalText reads and String writes, largest first, and
// of two that both fit the power of 1024 first. K, M and G alone are not among
// them: half the world's programs take them for the one and half for the other.
var byteUnits = []struct {
	name string
	size Bytes
}{
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"KB", 1e3},
	{"B", 1},
}

var errBytes = errors.New("a size is a whole number and a unit (B, KiB, MiB, GiB, or KB, MB, GB for powers of 1000), as in 8KiB")

// UnmarshalText reads sizes such as 8192, 512B, 8KiB and 1 MB. It refuses
// negative ones, fractions, and what is more than an int64 holds.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := string(text)
	digits := strings.TrimRight(s, "BbIiKkMmGg")
	size := Bytes(1)
	if unit := s[len(digits):]; unit != "" {
		if size = unitSize(unit); size == 0 {
			return errBytes
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	switch {
	case n < 0:
		return errors.New("a size cannot be negative")
	case errors.Is(err, strconv.ErrRange) || Bytes(n) > math.MaxInt64/size:
		return fmt.Errorf("a size is at most %d bytes", int64(math.MaxInt64))
	case err != nil:
		return errBytes
	}
	*b = Bytes(n) * size
	return nil
}

// unitSize returns how many bytes the unit of that name is, 0 if there is none.
func unitSize(name string) Bytes {
	for _, unit := range byteUnits {
		if strings.EqualFold(unit.name, name) {
			return unit.size
		}
	}
	return 0
}

// String returns the size in the largest unit of which it is a multiple, so that
// UnmarshalText reads the same size back.
func (b Bytes) String() string {
	for _, unit := range byteUnits {
		if b != 0 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return "0B"
}
