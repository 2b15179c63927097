package sqlstore

import (
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"rondo.dev/rondo/internal/rondo"
)

//go:embed schema/*.sql
var schema embed.FS

const makeMigrations = `create table if not exists migrations (
	number  integer primary key,
	name    text    not null,
	digest  text    not null,
	applied integer not null
)`

// Migrate brings a database to the schema of this program, inside the caller's one transaction. Steps go forward only.
// A database of a newer program, or one made by a migration whose text has changed since, is refused as Unsupported.
func Migrate(ctx context.Context, conn Conn, now time.Time) error {
	return migrate(ctx, conn, now, schema)
}

func migrate(ctx context.Context, conn Conn, now time.Time, files fs.FS) error {
	names, err := fs.Glob(files, "schema/*.sql") // sorted: 0001_, 0002_ ...
	if err != nil {
		return err
	}
	t := New(ctx, conn, now)
	if _, err := t.exec("making table migrations", makeMigrations); err != nil {
		return err
	}
	done, err := list(t, "migrations", scanText, `select digest from migrations order by number`)
	if err != nil {
		return err
	}
	if len(done) > len(names) {
		return rondo.Errorf(rondo.Unsupported, "the database has schema %d, this program knows %d: use the newer program", len(done), len(names))
	}
	for i, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		base, digest := path.Base(name), string(rondo.DigestOf(sha256.Sum256(text)))
		if !strings.HasPrefix(base, fmt.Sprintf("%04d_", i+1)) {
			return fmt.Errorf("migration %s should begin with %04d_", base, i+1)
		}
		if i < len(done) {
			if done[i] != digest {
				return rondo.Errorf(rondo.Unsupported, "the database was made by another %s than this program has: use that program, or a new folder", base)
			}
			continue
		}
		if _, err := t.exec("migration "+base, string(text)); err != nil {
			return err
		}
		if err := t.insert("migration "+base, `insert into migrations (number, name, digest, applied) values (?, ?, ?, ?)`,
			i+1, base, digest, micros(now)); err != nil {
			return err
		}
	}
	return nil
}
