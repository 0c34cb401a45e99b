package content

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"
	"time"

	"github.com/nodeapply/apply/host"
)

const (
	dialTimeout   = 30 * time.Second
	headerTimeout = time.Minute
	downloadLimit = 5 * time.Minute // where the context has no deadline of its own
)

// LocalPath takes the scheme off a file address.
func LocalPath(source string) string { return strings.TrimPrefix(source, "file://") }

// IsRemote says whether a source is an address to be downloaded from.
func IsRemote(source string) bool {
	return strings.HasPrefix(source, "http://") || strings.HasPrefix(source, "https://")
}

// download opens the first of the sources that exists; some may be local.
func download(ctx context.Context, v host.View, sources []string) (io.ReadCloser, error) {
	for _, source := range sources {
		content, err := openSource(ctx, v, source)
		if !errors.Is(err, os.ErrNotExist) {
			return content, err
		}
	}
	if len(sources) == 1 {
		return nil, fmt.Errorf("%s: %w", sources[0], os.ErrNotExist)
	}
	return nil, errors.New("none of the sources exists")
}

func openSource(ctx context.Context, v host.View, source string) (io.ReadCloser, error) {
	if IsRemote(source) {
		return get(ctx, source)
	}
	name, st, err := host.Resolve(v, path.Clean(LocalPath(source)))
	switch {
	case err != nil:
		return nil, err
	case st.Kind == host.Absent:
		return nil, os.ErrNotExist
	}
	return v.Open(name)
}

// get asks for an address. What it returns ends with ctx.
func get(ctx context.Context, url string) (io.ReadCloser, error) {
	cancel := context.CancelFunc(func() {})
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeoutCause(ctx, downloadLimit, fmt.Errorf("timed out after %s", downloadLimit))
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout}).DialContext,
		TLSHandshakeTimeout:   dialTimeout,
		ResponseHeaderTimeout: headerTimeout,
		DisableKeepAlives:     true,
		DisableCompression:    true, // the bytes as the server has them
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel()
		return nil, err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		cancel()
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		cancel()
		if response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone {
			return nil, fmt.Errorf("%s: %w", url, os.ErrNotExist)
		}
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return &downloading{ReadCloser: response.Body, cancel: cancel}, nil
}

// downloading is a response whose deadline ends with it.
type downloading struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (d *downloading) Close() error {
	defer d.cancel()
	return d.ReadCloser.Close()
}
