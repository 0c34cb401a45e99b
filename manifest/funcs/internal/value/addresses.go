package value

import (
	"errors"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/nodeapply/apply/manifest/funcs/internal/spec"
)

func addresses() map[string]function.Function {
	return map[string]function.Function{
		"cidrcontains": cidrContains,
		"cidrhost":     cidrHost,
		"cidrnetmask":  cidrNetmask,
		"cidrsubnet":   cidrSubnet,
		"cidrsubnets":  cidrSubnets,
	}
}

// prefixArg parses the first argument, with the bits of the host cleared.
func prefixArg(v cty.Value) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v.AsString())
	if err != nil {
		return p, function.NewArgErrorf(0, "%q is not a network like \"10.0.0.0/8\"", v.AsString())
	}
	return p.Masked(), nil
}

func wholeArg(args []cty.Value, i int) (*big.Int, error) {
	f := args[i].AsBigFloat()
	if f.IsInf() || !f.IsInt() || f.MantExp(nil) > 256 {
		return nil, function.NewArgErrorf(i, "must be a whole number, no larger than an address")
	}
	n, _ := f.Int(nil)
	return n, nil
}

// plus returns the address n after a, which has room for it.
func plus(a netip.Addr, n *big.Int) netip.Addr {
	sum := new(big.Int).Add(new(big.Int).SetBytes(a.AsSlice()), n)
	out, _ := netip.AddrFromSlice(sum.FillBytes(make([]byte, a.BitLen()/8)))
	return out
}

// ofNetwork is a function of a network, its first argument, and of further ones.
func ofNetwork(of func(p netip.Prefix, args []cty.Value) (fmt.Stringer, error), further ...function.Parameter) function.Function {
	return function.New(&function.Spec{
		Params:       append(spec.Strings("prefix"), further...),
		Type:         function.StaticReturnType(cty.String),
		RefineResult: spec.NotNull,
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			p, err := prefixArg(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			out, err := of(p, args)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(out.String()), nil
		},
	})
}

// cidrHost is cidrhost(prefix, hostnum); a negative number counts from the end.
var cidrHost = ofNetwork(func(p netip.Prefix, args []cty.Value) (fmt.Stringer, error) {
	n, err := wholeArg(args, 1)
	if err != nil {
		return nil, err
	}
	hosts := new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
	if n.Sign() < 0 {
		n.Add(n, hosts)
	}
	if n.Sign() < 0 || n.Cmp(hosts) >= 0 {
		return nil, function.NewArgErrorf(1, "%s has only %s addresses", p, hosts)
	}
	return plus(p.Addr(), n), nil
}, spec.Number("hostnum"))

var cidrNetmask = ofNetwork(func(p netip.Prefix, _ []cty.Value) (fmt.Stringer, error) {
	if !p.Addr().Is4() {
		return nil, function.NewArgErrorf(0, "only IPv4 networks have a netmask")
	}
	ones, _ := netip.AddrFrom4([4]byte{255, 255, 255, 255}).Prefix(p.Bits())
	return ones.Addr(), nil
})

// subnet returns the network number n of those that are bits longer than p.
func subnet(p netip.Prefix, bits int, n *big.Int) (netip.Prefix, error) {
	long := p.Bits() + bits
	if bits < 0 || long > p.Addr().BitLen() {
		return netip.Prefix{}, function.NewArgErrorf(1, "%s cannot be extended by %d bits", p, bits)
	}
	if n.Sign() < 0 || n.BitLen() > bits {
		return netip.Prefix{}, function.NewArgErrorf(2, "a network number of %d bits is needed", bits)
	}
	offset := new(big.Int).Lsh(n, uint(p.Addr().BitLen()-long))
	return netip.PrefixFrom(plus(p.Addr(), offset), long), nil
}

// cidrSubnet is cidrsubnet(prefix, newbits, netnum).
var cidrSubnet = ofNetwork(func(p netip.Prefix, args []cty.Value) (fmt.Stringer, error) {
	var bits int
	if err := gocty.FromCtyValue(args[1], &bits); err != nil {
		return nil, function.NewArgError(1, err)
	}
	n, err := wholeArg(args, 2)
	if err != nil {
		return nil, err
	}
	return subnet(p, bits, n)
}, spec.Number("newbits"), spec.Number("netnum"))

// cidrSubnets is cidrsubnets(prefix, newbits...): networks one after the other, each at the next place where one of its size can be.
var cidrSubnets = function.New(&function.Spec{
	Params:       spec.Strings("prefix"),
	VarParam:     &function.Parameter{Name: "newbits", Type: cty.Number},
	Type:         function.StaticReturnType(cty.List(cty.String)),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := prefixArg(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		if len(args) == 1 {
			return cty.ListValEmpty(cty.String), nil
		}
		next := new(big.Int) // offset in p of the first address that is free
		var out []cty.Value
		for i, a := range args[1:] {
			var bits int
			if err := gocty.FromCtyValue(a, &bits); err != nil {
				return cty.NilVal, function.NewArgError(i+1, err)
			}
			if bits < 1 || p.Bits()+bits > p.Addr().BitLen() {
				return cty.NilVal, function.NewArgErrorf(i+1, "%s cannot be extended by %d bits", p, bits)
			}
			size := uint(p.Addr().BitLen() - p.Bits() - bits) // bits of the host
			n := new(big.Int).Rsh(new(big.Int).Add(next, new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), size), big.NewInt(1))), size)
			sub, err := subnet(p, bits, n)
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(i+1, "%s has no room left for a network that is %d bits longer", p, bits)
			}
			next.Lsh(n.Add(n, big.NewInt(1)), size)
			out = append(out, cty.StringVal(sub.String()))
		}
		return cty.ListVal(out), nil
	},
})

// cidrContains is cidrcontains(prefix, address or prefix).
var cidrContains = function.New(&function.Spec{
	Params:       spec.Strings("containing_prefix", "contained_ip_or_prefix"),
	Type:         function.StaticReturnType(cty.Bool),
	RefineResult: spec.NotNull,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := prefixArg(args[0])
		if err != nil {
			return cty.NilVal, err
		}
		inner, err := netip.ParsePrefix(args[1].AsString())
		if err != nil {
			addr, err := netip.ParseAddr(args[1].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(1, "%q is neither an address nor a network", args[1].AsString())
			}
			inner = netip.PrefixFrom(addr, addr.BitLen())
		}
		if p.Addr().BitLen() != inner.Addr().BitLen() {
			return cty.NilVal, errors.New("one is of IPv4, the other of IPv6")
		}
		return cty.BoolVal(p.Bits() <= inner.Bits() && p.Contains(inner.Addr())), nil
	},
})
