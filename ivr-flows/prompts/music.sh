#!/usr/bin/env bash
# Makes music/moh-soft.wav, the music on hold: eight slow chords of sine waves, 40 s, 8 kHz, mono, 16 bit.
#
# Computed from nothing, so nobody's rights are in it. Every chord fades in and out, so the loop has no seam. Kept soft
# and below 1.2 kHz: it survives G.711 and tires nobody.
set -euo pipefail
cd "$(dirname "$0")"
command -v sox >/dev/null || {
    echo "music.sh: sox is missing; on Debian: sudo apt-get install sox" >&2
    exit 69
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p music

chord() { # number, bass note, three notes, two notes of the melody
    local file="$work/$1.wav"
    sox -R -n -r 16000 -c 1 "$work/pad.wav" synth 5 sine "$2" sine "$3" sine "$4" sine "$5" remix - \
        tremolo 0.4 25 fade h 1.2 5 1.8
    sox -R -n -r 16000 -c 1 "$work/first.wav" synth 2.4 pluck "$6" fade t 0.02 2.4 1.6 pad 0.3 2.3
    sox -R -n -r 16000 -c 1 "$work/second.wav" synth 2.4 pluck "$7" fade t 0.02 2.4 1.6 pad 2.6 0
    sox -R -m -v 0.7 "$work/pad.wav" -v 0.22 "$work/first.wav" -v 0.22 "$work/second.wav" "$file" trim 0 5
}

chord 1 A2 E3 A3 C4 E5 C5
chord 2 F2 C3 F3 A3 A4 C5
chord 3 C3 G3 C4 E4 G4 E5
chord 4 G2 D3 G3 B3 D5 B4
chord 5 A2 E3 A3 C4 C5 A4
chord 6 D3 A3 D4 F4 F5 D5
chord 7 F2 C3 F3 A3 A4 F4
chord 8 G2 D3 G3 B3 B4 D5
sox -R -D "$work"/[1-8].wav -b 16 -r 8000 "$work/all.wav" lowpass 1200 gain -n -1
rms=$(sox "$work/all.wav" -n stats 2>&1 | awk '/^RMS lev dB/ { print $4 }')
sox -R -D "$work/all.wav" -b 16 music/moh-soft.wav gain -l "$(awk -v rms="$rms" 'BEGIN { printf "%.2f", -26 - rms }')"
echo "music.sh: $(sox --i -d music/moh-soft.wav) of music made"
