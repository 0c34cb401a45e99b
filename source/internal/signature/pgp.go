package signature

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/nodeapply/apply/source/internal/trust"
)

func (s *Signers) verifyPGP(payload []byte, armoured string, now time.Time) (string, error) {
	if strings.Count(armoured, pgpBegin) != 1 || !strings.HasSuffix(strings.TrimSpace(armoured), pgpEnd) {
		return "", trust.Errorf("signature: malformed armour")
	}
	// The key, its self-signatures and the signature are compared with now, as gpg does: what has expired since is refused.
	config := &packet.Config{Time: func() time.Time { return now }}
	signer, err := openpgp.CheckArmoredDetachedSignature(s.pgp, bytes.NewReader(payload), strings.NewReader(armoured), config)
	if err != nil {
		return "", trust.Errorf("signature: %w (%s has %d keys)", err, s.file, len(s.pgp))
	}
	if id := signer.PrimaryIdentity(); id != nil {
		return id.Name, nil
	}
	return fmt.Sprintf("%X", signer.PrimaryKey.Fingerprint), nil
}
