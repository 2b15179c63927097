package zone

import (
	"testing"
	"time"
)

func TestLocalTimesAreReadAsTheStandardLibraryWritesThem(t *testing.T) {
	var zones Zones
	for _, name := range []string{"America/New_York", "America/Phoenix", "America/Indiana/Indianapolis", "Europe/Dublin", "Asia/Kathmandu",
		"Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "UTC"} {
		z, err := zones.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := time.Date(1950, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2150; at = at.Add(7*time.Hour + 13*time.Minute) {
			_, offset := at.In(z.Location).Zone()
			local := at.UnixMicro() + int64(offset)*1e6
			if utc, odd := z.UTC(local); utc != at.UnixMicro() && !odd {
				t.Fatalf("%s: %s is read %s off", name, at, time.Duration(utc-at.UnixMicro())*time.Microsecond)
			}
		}
	}
}
