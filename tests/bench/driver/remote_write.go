package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"
)

// One request of Prometheus' remote write, version 1: protobuf in Snappy's block format. Both are written here, for
// that is less than their libraries: https://prometheus.io/docs/specs/remote_write_spec.
type remoteWrite struct {
	series []byte // the message WriteRequest
	one    []byte // the message TimeSeries
}

const (
	lengthDelimited = 2
	fixed64         = 1
	varint          = 0
)

func tag(field, kind uint64) uint64 { return field<<3 | kind }

func appendBytes(out []byte, field uint64, value []byte) []byte {
	out = binary.AppendUvarint(out, tag(field, lengthDelimited))
	out = binary.AppendUvarint(out, uint64(len(value)))
	return append(out, value...)
}

// Labels must be in the order of their names.
func (r *remoteWrite) beginSeries(labels [][2]string) {
	r.one = r.one[:0]
	for _, label := range labels {
		pair := appendBytes(nil, 1, []byte(label[0]))
		r.one = appendBytes(r.one, 1, appendBytes(pair, 2, []byte(label[1])))
	}
}

func (r *remoteWrite) sample(value float64, at time.Time) {
	var space [32]byte
	sample := binary.AppendUvarint(space[:0], tag(1, fixed64))
	sample = binary.LittleEndian.AppendUint64(sample, math.Float64bits(value))
	sample = binary.AppendUvarint(sample, tag(2, varint))
	sample = binary.AppendUvarint(sample, uint64(at.UnixMilli()))
	r.one = appendBytes(r.one, 2, sample)
}

func (r *remoteWrite) endSeries() { r.series = appendBytes(r.series, 1, r.one) }

func (r *remoteWrite) send(url string) error {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(snappyLiterals(r.series)))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("Content-Encoding", "snappy")
	request.Header.Set("X-Prometheus-Remote-Write-Version", "0.1.0")
	response, err := (&http.Client{Timeout: time.Minute}).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("remote write: %s: %.200s", response.Status, body)
	}
	return nil
}

// Snappy without compression: each piece is a literal.
func snappyLiterals(plain []byte) []byte {
	const most = 1 << 16
	out := binary.AppendUvarint(make([]byte, 0, len(plain)+len(plain)/most*3+16), uint64(len(plain)))
	for len(plain) > 0 {
		piece := plain[:min(len(plain), most)]
		plain = plain[len(piece):]
		out = append(out, 61<<2, byte(len(piece)-1), byte((len(piece)-1)>>8)) // a literal, its length in two bytes
		out = append(out, piece...)
	}
	return out
}
