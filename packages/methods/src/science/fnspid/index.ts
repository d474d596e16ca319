import type { Method } from '../../contract.ts';

export default {
  slug: 'fnspid',
  family: 'science',
  paper: {
    title: 'FNSPID: A Comprehensive Financial News Dataset in Time Series',
    arxiv: '2402.06698',
    date: '2024-02-08',
    authors: ['Dong', 'Fan', 'Peng'],
    links: [{ label: 'Code', url: 'https://github.com/Zdong104/FNSPID_Financial_News_Dataset', by: 'authors' }],
  },
  offers:
    'Join your own news and prices by time, audit the result for leaks, and compare forecasters against "tomorrow = today".',
  claims: [
    {
      id: 'FN-1',
      statement: 'The data set holds 29.7 million prices and 15.7 million news of 4,775 companies.',
      measure: 'size',
      paper: {
        value: '29.7M price rows, 15.7M news, 4,775 companies, 1999-2023, 4 news sites',
        baseline: 'earlier stock data sets',
        setting: 'the text says "S&P500 companies"; 4,775 cannot all be members',
        source: 'paper',
        where: 'abstract',
      },
      quote:
        'It comprises 29.7 million stock prices and 15.7 million time-aligned financial news records for 4,775 S&P500 companies',
    },
    {
      id: 'FN-2',
      statement: 'More and better data significantly raise prediction accuracy.',
      measure: 'prediction accuracy by amount of data',
      paper: {
        value: 'significant (no value in the abstract)',
        baseline: 'fewer stocks (5, 25, 50 in the code)',
        setting: 'tests on KO, AMD, TSM, GOOG, WMT',
        source: 'paper',
        where: 'abstract',
      },
      quote: "the dataset's size and quality significantly boost market prediction accuracy",
    },
    {
      id: 'FN-3',
      statement: 'Sentiment scores modestly help the Transformer.',
      measure: 'prediction accuracy with and without sentiment',
      paper: {
        value: 'modest',
        baseline: 'same model without the sentiment column',
        setting: 'scores of 1 to 5 by GPT-3.5',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'adding sentiment scores modestly enhances performance on the transformer-based model',
    },
    {
      id: 'FN-4',
      statement: 'A reproducible procedure updates the data set.',
      measure: 'whether the procedure repeats',
      paper: {
        value: 'reproducible',
        setting: 'scrape, clean, summarise, score, join',
        source: 'paper',
        where: 'abstract',
      },
      quote: 'a reproducible procedure that can update the dataset',
    },
    {
      id: 'FN-5',
      statement: 'Trained over 25 stocks, R2 on KO is .9724 with and .9684 without sentiment.',
      measure: 'R2, MAE, MSE with / without sentiment',
      paper: {
        value: 'R2 .9724 / .9684, MAE .00910 / .00925, MSE 1.188e-4 / 1.361e-4',
        baseline: 'each other',
        setting: 'KO, Transformer, min-max scaled close, Feb 2024',
        source: 'repository',
        where: 'stored result files',
      },
    },
    {
      id: 'FN-6',
      statement: 'The revised script reaches R2 -.926 on KO.',
      measure: 'R2',
      paper: {
        value: '-.926',
        setting: 'KO, 48 stocks, 3 following days, mean over 6 raw-unit values, May 2025; not comparable with FN-5',
        source: 'repository',
        where: 'stored result files',
      },
    },
    {
      id: 'FN-7',
      statement: '"Tomorrow = today" already gives R2 .9717 on such prices.',
      measure: 'R2 of persistence',
      paper: {
        value: '.9717 at 1 day, .9337 at 3, .8843 at 5; zero forecast of log returns -.0004',
        setting: 'S&P 500 close, last 15 % of 2000-2020, min-max scale',
        source: 'here',
        where: 'measured on S&P 500 closing prices; the bar that any R2 on price levels must clear',
      },
      note: 'The paper gives no such baseline; without it the values of FN-5 cannot be read. Not measured on an instance yet.',
    },
  ],
  remarks: [
    'R2 on price levels near 1 says nothing about forecasting. GPT-3.5 scoring news from before its training end may know the outcome.',
    'Survivorship: the ticker list was taken late; the density of news is uneven. The licence is non-commercial by a third-party card. No investment advice.',
  ],
} satisfies Method;
