package predlog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"rondo.dev/rondo/internal/lib/column"
	"rondo.dev/rondo/internal/rondo"
)

// A frame, all numbers little-endian:
//	u32 payload bytes, u8 kind, 3 bytes 0, u64 offset, u64 durable, i64 arrival, u32 CRC32C of payload, u32 CRC32C of the 36 before
//	payload: u32 revision, u64 history, u64 threshold bits, model, version, key, sender (each u16 length, bytes), block
// durable is the log's synced end when the frame was made: a damaged record below it had been acknowledged.

const (
	frameBytes = 40
	maxPayload = 64 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// frame is the head of a record.
type frame struct {
	length  int
	kind    Kind
	offset  uint64
	durable uint64
	at      int64
	crc     uint32
}

func (f frame) next() uint64 { return f.offset + frameBytes + uint64(f.length) }

func (f frame) put(b []byte) {
	binary.LittleEndian.PutUint32(b, uint32(f.length))
	b[4], b[5], b[6], b[7] = byte(f.kind), 0, 0, 0
	binary.LittleEndian.PutUint64(b[8:], f.offset)
	binary.LittleEndian.PutUint64(b[16:], f.durable)
	binary.LittleEndian.PutUint64(b[24:], uint64(f.at))
	binary.LittleEndian.PutUint32(b[32:], f.crc)
	binary.LittleEndian.PutUint32(b[36:], checksum(b[:36]))
}

// readFrame is ok only for a whole head that is undamaged and says that it stands at offset.
func readFrame(b []byte, offset uint64) (f frame, ok bool) {
	if len(b) < frameBytes || binary.LittleEndian.Uint64(b[8:]) != offset {
		return frame{}, false
	}
	if binary.LittleEndian.Uint32(b[36:]) != checksum(b[:36]) {
		return frame{}, false
	}
	f = frame{
		length: int(binary.LittleEndian.Uint32(b)), kind: Kind(b[4]), offset: offset,
		durable: binary.LittleEndian.Uint64(b[16:]), at: int64(binary.LittleEndian.Uint64(b[24:])),
		crc: binary.LittleEndian.Uint32(b[32:]),
	}
	return f, f.length <= maxPayload
}

func (f frame) holds(payload []byte) bool { return checksum(payload) == f.crc }

// appendRecord appends an empty head and the payload of r.
func appendRecord(b []byte, r *Record) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, frameBytes)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(r.Revision))
	b = binary.LittleEndian.AppendUint64(b, r.History)
	threshold := math.NaN()
	if r.Threshold != nil {
		threshold = *r.Threshold
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(threshold))
	for _, s := range [...]string{r.Model, string(r.Version), r.Key, r.Sender} {
		if len(s) > math.MaxUint16 {
			return b, rondo.Errorf(rondo.Invalid, "a name of %d bytes is too long for the log", len(s))
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	b = column.AppendBlock(b, r.Table)
	if n := len(b) - start - frameBytes; n > maxPayload {
		return b, rondo.Errorf(rondo.Invalid, "%d rows make a log record of %d bytes; %d is the most: send fewer rows a request", r.Table.Rows(), n, maxPayload)
	}
	return b, nil
}

// payloadModel is the model of a payload without reading the rest.
func payloadModel(b []byte) []byte {
	if len(b) < 22 {
		return nil
	}
	n := int(binary.LittleEndian.Uint16(b[20:]))
	if n > len(b)-22 {
		return nil
	}
	return b[22 : 22+n]
}

// readRecord decodes what stands in a frame. b is hostile: its CRC may have been made to fit.
func readRecord(f frame, b []byte, strings *column.Strings) (Record, error) {
	r, b, err := readNames(f, b)
	if err != nil {
		return Record{}, err
	}
	t, rest, err := strings.ReadBlock(b)
	if err != nil {
		return Record{}, f.damage(err.Error())
	}
	if len(rest) != 0 {
		return Record{}, f.damage(fmt.Sprintf("%d bytes after its rows", len(rest)))
	}
	r.Table = t
	return r, nil
}

func (f frame) damage(what string) error {
	return fmt.Errorf("%w: record at offset %d: %s", ErrCorrupt, f.offset, what)
}

// readNames decodes all but the block, which it gives back.
func readNames(f frame, b []byte) (Record, []byte, error) {
	r := Record{Offset: f.offset, Kind: f.kind, At: f.at, next: f.next()}
	if len(b) < 20 {
		return Record{}, nil, f.damage("ends in its header")
	}
	r.Revision = int(binary.LittleEndian.Uint32(b))
	r.History = binary.LittleEndian.Uint64(b[4:])
	if x := math.Float64frombits(binary.LittleEndian.Uint64(b[12:])); !math.IsNaN(x) {
		r.Threshold = &x
	}
	b = b[20:]
	var texts [4]string
	for i := range texts {
		if len(b) < 2 {
			return Record{}, nil, f.damage("ends in its names")
		}
		n := int(binary.LittleEndian.Uint16(b))
		if n > len(b)-2 {
			return Record{}, nil, f.damage("ends in its names")
		}
		texts[i] = string(b[2 : 2+n])
		b = b[2+n:]
	}
	r.Model, r.Version, r.Key, r.Sender = texts[0], rondo.VersionID(texts[1]), texts[2], texts[3]
	return r, b, nil
}
