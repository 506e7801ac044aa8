package plan

import "github.com/ssmbak/ssmbak"

// rekeyed returns a parameter as a revert writes it, with another key if it is a
// SecureString and [Options.KeyID] names one.
func rekeyed(p *Parameter, o Options) *Parameter {
	if o.KeyID == "" || p.Version.Type != ssmbak.TypeSecureString {
		return p
	}
	out := *p
	out.Version.KeyID, out.Version.Number = o.KeyID, 0 // it is no recorded version
	return &out
}

// asFrom reports whether a unit is live as at From, or as the same revert left it before,
// and whether that is known.
func (c *Reversal) asFrom(u versionUnit, from *Parameter, o Options) (same, known bool) {
	if same, known = u.same(c.Before, from); same && known {
		return true, true
	}
	again, certain := u.same(c.Before, rekeyed(from, o))
	return again && certain, known
}

// sameValueAs reports whether a parameter has the value of another one as a revert writes
// it. Values that are not known are not the same.
func (o Options) sameValueAs(p, from *Parameter) bool {
	return UnitValue.Unchanged(*p, *from) || UnitValue.Unchanged(*p, *rekeyed(from, o))
}

// tooLong reports whether the value that a replacement writes is longer than the Standard
// tier of From accepts.
func (c *Reversal) tooLong(from *Parameter, value bool, o Options) bool {
	p := c.Before
	if value {
		p = from
	}
	return o.Replace && from.Version.Tier == standard && p.Value.V.Len() > standardSize
}
